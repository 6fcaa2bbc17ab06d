//! A bar on stderr for work that takes longer than a second, if a person is watching.

use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::progress::Progress;

const PATIENCE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(80);

/// Does `work`; after a second shows how far it is.
pub fn with_bar<T>(work: impl FnOnce(&Progress) -> T) -> T {
    let progress = Progress::new();
    if !std::io::stderr().is_terminal() {
        return work(&progress);
    }
    let (done, wait) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let watched = progress.clone();
        scope.spawn(move || {
            if wait.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                while wait.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    draw(&bar, &watched);
                }
                bar.finish_and_clear();
            }
        });
        // Dropped on the way out, also when `work` panics: the watcher must end.
        let _done = done;
        work(&progress)
    })
}

fn draw(bar: &ProgressBar, progress: &Progress) {
    let now = progress.snapshot();
    let template = if now.total > 0 {
        bar.set_length(now.total);
        "{wide_msg} {bar:30} {pos}/{len} {eta}"
    } else {
        "{spinner} {wide_msg} {elapsed}"
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_position(now.done);
    bar.set_message(now.message);
    bar.tick();
}
