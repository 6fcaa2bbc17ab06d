//! Notices that a model's files were changed by another program.

use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use super::Event;
use crate::model::{Format, Model};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Length and time of each file; `None` where it is gone.
type Stamp = Vec<Option<(u64, SystemTime)>>;

fn files(model: &Model) -> Vec<PathBuf> {
    match model.format {
        Format::Tflite => vec![model.path.clone()],
        Format::SavedModel => {
            let files = model.files.iter();
            files.map(|f| model.path.join(&f.path)).collect()
        }
    }
}

fn stamp(files: &[PathBuf]) -> Stamp {
    let one = |file: &PathBuf| {
        let data = std::fs::metadata(file).ok()?;
        Some((data.len(), data.modified().ok()?))
    };
    files.iter().map(one).collect()
}

/// Looks at the files from a thread of its own until they change or the model is closed. Whoever writes them is given
/// time to end: the event comes once they stay as they are.
pub fn watch(model: &Arc<Model>, sender: Sender<Event>) {
    let files = files(model);
    let model: Weak<Model> = Arc::downgrade(model);
    let at_first = stamp(&files);
    std::thread::spawn(move || {
        let mut before = at_first.clone();
        while model.strong_count() > 0 {
            std::thread::sleep(EVERY);
            let now = stamp(&files);
            if now != at_first && now == before {
                // Nobody listens only when the program ends.
                let _ = sender.send(Event::Changed(model));
                return;
            }
            before = now;
        }
    });
}
