//! Work that would hold up a frame: plain threads that report back with an event.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use super::Event;
use super::fault::reason;
use super::panes::PaneId;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::progress::{Progress, Snapshot};

/// What a job brings back.
pub enum Output {
    Opened(Box<Model>),
    /// Everything that the search can find.
    Names(Arc<super::choices::Choices>),
    /// What of it fits the words that were typed.
    Fitting(super::choices::Fitting),
    Summary(Box<super::panes::overview::Summary>),
    Health(Vec<crate::analysis::Finding>),
    /// What calls cost is known now, to all panes.
    Counted,
    Tree(Box<super::panes::tree::Output>),
    Tensors(Box<super::panes::tensors::Listed>),
    Graph(Box<super::panes::graph::Output>),
    /// Which rows of a list are shown, and in which order.
    Arranged(super::panes::arranged::Arranged),
    /// Of each listed tensor the share of zeros.
    Zeros(Vec<Option<f64>>),
    Tensor(Box<super::panes::tensors::Loaded>),
    Verified(Vec<crate::analysis::Check>),
    Coloured(super::panes::source::Coloured),
    /// Lines of a text that hold these words.
    Holding(String, Vec<usize>),
    Shards(super::panes::variables::Shards),
    Samples(Vec<(String, crate::feed::SampleSet)>),
    /// The inputs of a signature as a run has them, and samples for each.
    Inputs(Vec<(crate::model::Port, Vec<Arc<crate::feed::SampleSet>>)>),
    /// The value of an input, and what was done to make it fit.
    Preview(Box<Result<crate::tui::panes::run::Preview>>),
    Ran(Box<super::panes::run::Ran>),
    Benched(crate::runtime::Timings, crate::tui::panes::run::Changes),
    /// Variables and tables are as stored.
    Reset,
    /// The values of the last run, and what is to be seen of the chosen one.
    Layers(Vec<crate::runtime::Traced>),
    Looked(Box<super::panes::run::Watched>),
    /// What the last run gave, as one item of its batch.
    Item(
        Vec<crate::tui::panes::run::Given>,
        crate::tui::panes::run::Item,
    ),
    Saved(std::path::PathBuf),
    Preflight(super::panes::convert::Ahead),
    Converted(Box<super::panes::convert::Done>),
    Compared(Box<super::panes::compare::Compared>),
}

/// What a job is for. A new job for the same slot stops and replaces the older.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The open model it belongs to.
    pub desk: u64,
    /// The pane that waits; `None` for opening the model itself.
    pub pane: Option<PaneId>,
    pub what: &'static str,
}

pub type Work = Box<dyn FnOnce(&Progress) -> Result<Output> + Send>;

/// What comes back through the event channel.
pub struct Finished {
    id: u64,
    pub slot: Slot,
    pub result: Result<Output>,
}

struct Running {
    id: u64,
    slot: Slot,
    label: String,
    progress: Progress,
    since: Instant,
}

/// All running jobs.
pub struct Jobs {
    sender: Sender<Event>,
    running: Vec<Running>,
    next: u64,
}

/// A running job as the screen shows it.
pub struct Shown {
    pub label: String,
    pub snapshot: Snapshot,
    pub since: Duration,
}

/// Deep graphs are walked by recursion in few places; threads get room for it.
const STACK: usize = 16 << 20;

/// Threads of jobs bear this name: the panic hook leaves the terminal alone for them.
pub const THREAD: &str = "mexplore job";

impl Jobs {
    pub fn new(sender: Sender<Event>) -> Jobs {
        Jobs {
            sender,
            running: Vec::new(),
            next: 0,
        }
    }

    pub fn start(&mut self, slot: Slot, label: impl Into<String>, work: Work) {
        self.start_in_parts(slot, label, move |progress, _| work(progress));
    }

    /// As [`Jobs::start`]; the work may tell what it has found so far.
    pub fn start_in_parts(
        &mut self,
        slot: Slot,
        label: impl Into<String>,
        work: impl FnOnce(&Progress, &dyn Fn(Output)) -> Result<Output> + Send + 'static,
    ) {
        self.cancel(slot);
        let id = self.next;
        self.next += 1;
        let progress = Progress::new();
        self.running.push(Running {
            id,
            slot,
            label: label.into(),
            progress: progress.clone(),
            since: Instant::now(),
        });
        let sender = self.sender.clone();
        let failed = sender.clone();
        launch(Task {
            stack: STACK,
            run: Box::new(move || {
                let part = |output| {
                    let result = Ok(output);
                    let _ = sender.send(Event::Part(Finished { id, slot, result }));
                };
                let result = catch_unwind(AssertUnwindSafe(|| work(&progress, &part)))
                    .unwrap_or_else(|panic| Err(broken(panic.as_ref())));
                join_freed_pieces();
                // The receiver is gone only when the program ends.
                let _ = sender.send(Event::Job(Finished { id, slot, result }));
            }),
            failed: Box::new(move |error| {
                let result = Err(Error::unsupported(format!("no thread: {error}")));
                let _ = failed.send(Event::Job(Finished { id, slot, result }));
            }),
        });
    }

    /// Takes a finished job off the list; `None` when a newer one has replaced it.
    pub fn finish(&mut self, finished: Finished) -> Option<(Slot, Result<Output>)> {
        let at = self.running.iter().position(|r| r.id == finished.id)?;
        self.running.remove(at);
        Some((finished.slot, finished.result))
    }

    /// Whether the job that this is a part of still runs.
    pub fn runs(&self, part: &Finished) -> bool {
        self.running.iter().any(|r| r.id == part.id)
    }

    /// Asks the job of this slot to stop and forgets it. Whether there was one.
    pub fn cancel(&mut self, slot: Slot) -> bool {
        self.cancel_where(|s| s == slot)
    }

    /// Stops all jobs whose slot fits.
    pub fn cancel_where(&mut self, fits: impl Fn(Slot) -> bool) -> bool {
        let before = self.running.len();
        self.running.retain(|r| {
            let stop = fits(r.slot);
            if stop {
                r.progress.cancel();
            }
            !stop
        });
        self.running.len() < before
    }

    pub fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    pub fn shown(&self, slot: Slot) -> Option<Shown> {
        self.running.iter().find(|r| r.slot == slot).map(show)
    }

    /// The job that has run longest, if it has run long enough to be worth a word.
    pub fn oldest(&self) -> Option<Shown> {
        self.running.first().map(show)
    }
}

/// glibc's malloc leaves small pieces that are freed as they are until something large is asked for, and then joins all
/// of them: 100 ms after a million. The thread that draws frees what a job brings back: it would be the one to pay.
fn join_freed_pieces() {
    /// Over what is small (1 KB) and what is taken for large when freed (64 KB), under what is mapped apart (128 KB).
    const LARGE: usize = 80 << 10;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGE)));
}

/// What a new thread is to do.
struct Task {
    /// Bytes.
    stack: usize,
    run: Box<dyn FnOnce() + Send>,
    failed: Box<dyn FnOnce(std::io::Error) + Send>,
}

impl Task {
    fn start(self) {
        let thread = std::thread::Builder::new().name(THREAD.to_owned());
        if let Err(error) = thread.stack_size(self.stack).spawn(self.run) {
            (self.failed)(error);
        }
    }
}

/// Starts threads from a thread of its own. A new one asks the kernel for room, which waits while another gives back
/// hundreds of megabytes: 15 ms that would hold up a frame.
static LAUNCHER: LazyLock<Sender<Task>> = LazyLock::new(|| {
    let (sender, tasks) = channel::<Task>();
    let thread = std::thread::Builder::new().name(THREAD.to_owned());
    // Without it nobody receives, and `launch` does it.
    let _ = thread.spawn(move || tasks.into_iter().for_each(Task::start));
    sender
});

fn launch(task: Task) {
    if let Err(unsent) = LAUNCHER.send(task) {
        unsent.0.start();
    }
}

/// Lets go of something on a thread of its own: freeing a million small pieces would hold up a frame.
pub fn discard<T: Send + 'static>(old: T) {
    launch(Task {
        stack: STACK,
        run: Box::new(move || {
            drop(old);
            join_freed_pieces();
        }),
        failed: Box::new(drop),
    });
}

fn show(running: &Running) -> Shown {
    Shown {
        label: running.label.clone(),
        snapshot: running.progress.snapshot(),
        since: running.since.elapsed(),
    }
}

fn broken(panic: &(dyn std::any::Any + Send)) -> Error {
    Error::unsupported(format!("a fault in mexplore itself: {}", reason(panic)))
        .hint("please report it with the model, if you may share it")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: Slot = Slot {
        desk: 0,
        pane: None,
        what: "test",
    };

    fn finished(event: Event) -> Finished {
        match event {
            Event::Job(finished) => finished,
            _ => unreachable!("only jobs send here"),
        }
    }

    #[test]
    fn the_newest_job_makes_the_older_stale() {
        let (sender, receiver) = channel();
        let mut jobs = Jobs::new(sender);
        jobs.start(
            SLOT,
            "first",
            Box::new(|p| {
                loop {
                    p.check()?;
                    std::thread::yield_now();
                }
            }),
        );
        jobs.start(
            SLOT,
            "second",
            Box::new(|_| Ok(Output::Verified(Vec::new()))),
        );
        let mut kept = Vec::new();
        for _ in 0..2 {
            kept.extend(jobs.finish(finished(receiver.recv().unwrap())));
        }
        assert_eq!(kept.len(), 1);
        assert!(kept[0].1.is_ok());
        assert!(jobs.is_idle());
    }

    #[test]
    fn a_fault_in_a_job_becomes_an_error() {
        let (sender, receiver) = channel();
        let mut jobs = Jobs::new(sender);
        jobs.start(SLOT, "fault", Box::new(|_| panic!("index 3")));
        let (_, result) = jobs.finish(finished(receiver.recv().unwrap())).unwrap();
        assert!(result.err().unwrap().to_string().contains("index 3"));
    }
}
