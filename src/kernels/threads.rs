//! A small pool that splits one kernel's work. Answers never depend on the number of threads: a task's work and
//! the order inside it are the same whoever runs it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::progress::Progress;

/// How long an idle worker looks for work before it sleeps: longer than most operators that need no workers take, for
/// a processor that went to sleep meanwhile is awake again only after some 50 microseconds.
const AWAKE: Duration = Duration::from_millis(2);

/// How long a caller looks whether the workers are done before it sleeps.
const PATIENCE: Duration = Duration::from_micros(200);

/// How often either looks before it lets others have the processor and asks for the time; a few microseconds.
const SPINS: usize = 100;

/// Elements from which on the work on them may take long.
const LARGE: usize = 1 << 18;

/// Bytes from which on the easiest work on them takes longer than to call the other threads, half a microsecond, and
/// to fetch what they wrote.
const SPLIT: usize = 1 << 16;

/// Workers that wait for kernels. Cheap to share by reference; one kernel at a time uses the workers, others that
/// come meanwhile run on their own thread.
pub struct Threads {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Held by the kernel that uses the workers.
    turn: Mutex<()>,
}

type Task = dyn Fn(usize) + Sync;

#[derive(Default)]
struct Shared {
    /// Grows by one with each job, so that a spinning worker sees it without the lock.
    epoch: AtomicUsize,
    stop: AtomicBool,
    /// For each thread, the caller first, the next task of its own share.
    next: Vec<Next>,
    panicked: AtomicBool,
    /// Workers that hold a copy of the job on the board; grows only under the board's lock.
    inside: AtomicUsize,
    /// Whether the caller sleeps until none is.
    waiting: AtomicBool,
    board: Mutex<Board>,
    watched: Mutex<Progress>,
    wake: Condvar,
    done: Condvar,
}

/// On a cache line of its own: each thread counts in its own, as long as it has work.
#[derive(Default)]
#[repr(align(64))]
struct Next(AtomicUsize);

#[derive(Default)]
struct Board {
    job: Option<Job>,
    /// Workers that sleep.
    asleep: usize,
}

#[derive(Clone, Copy)]
struct Job {
    task: *const Task,
    total: usize,
}

// SAFETY: the pointer is only followed between `inside += 1` under the board's lock and `inside -= 1`, and
// `Threads::run` does not return (so the closure lives) before `job` is taken down and `inside` is 0; the closure is Sync.
unsafe impl Send for Job {}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the share of a thread begins: neighbouring tasks, the same of every kernel, so that it finds in its cache
    /// what it wrote for the kernel before.
    fn share(&self, thread: usize, total: usize) -> usize {
        total * thread / self.next.len()
    }

    /// Takes numbers of its own share, then of the others', until none are left.
    fn work(&self, own: usize, total: usize, task: &Task) {
        let threads = self.next.len();
        for thread in (own..threads).chain(0..own) {
            let end = self.share(thread + 1, total);
            loop {
                let index = self.next[thread].0.fetch_add(1, Relaxed);
                if index >= end {
                    break;
                }
                task(index);
            }
        }
    }

    fn worker(&self, own: usize) {
        let mut seen = 0;
        while self.wait_for_job(&mut seen) {
            let job = {
                let board = self.board();
                if board.job.is_some() {
                    self.inside.fetch_add(1, SeqCst);
                }
                board.job
            };
            let Some(job) = job else { continue };
            // SAFETY: see `Job`; `inside` was raised while the job was on the board.
            let task = unsafe { &*job.task };
            if catch_unwind(AssertUnwindSafe(|| self.work(own, job.total, task))).is_err() {
                self.panicked.store(true, Relaxed);
            }
            // The caller says that it sleeps before it looks whether anybody is inside.
            if self.inside.fetch_sub(1, SeqCst) == 1 && self.waiting.load(SeqCst) {
                let _board = self.board();
                self.done.notify_all();
            }
        }
    }

    /// Spins a while, then sleeps; false at the end of the pool.
    fn wait_for_job(&self, seen: &mut usize) -> bool {
        spin(AWAKE, || self.epoch.load(Acquire) != *seen);
        let mut board = self.board();
        while self.epoch.load(Acquire) == *seen && !self.stop.load(Acquire) {
            board.asleep += 1;
            board = self
                .wake
                .wait(board)
                .unwrap_or_else(PoisonError::into_inner);
            board.asleep -= 1;
        }
        *seen = self.epoch.load(Acquire);
        !self.stop.load(Acquire)
    }
}

/// Takes the job off the board and waits for the workers, also when the caller's own part panics.
struct Closing<'a>(&'a Shared);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let shared = self.0;
        for next in &shared.next {
            next.0.store(usize::MAX / 2, Relaxed);
        }
        shared.board().job = None;
        // Waking up takes longer than the others' last tasks mostly do.
        let idle = || shared.inside.load(SeqCst) == 0;
        if spin(PATIENCE, idle) {
            return;
        }
        let mut board = shared.board();
        shared.waiting.store(true, SeqCst);
        while !idle() {
            board = shared
                .done
                .wait(board)
                .unwrap_or_else(PoisonError::into_inner);
        }
        shared.waiting.store(false, SeqCst);
    }
}

/// Asks `ready` again and again for some time; its last answer.
fn spin(time: Duration, ready: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    loop {
        for _ in 0..SPINS {
            if ready() {
                return true;
            }
            std::hint::spin_loop();
        }
        if begun.elapsed() > time {
            return ready();
        }
        std::thread::yield_now();
    }
}

/// Processor cores that the program may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

impl Threads {
    /// `count` threads, the calling one among them; 0 means one per core.
    pub fn new(count: usize) -> Self {
        let count = match count {
            0 => cores(),
            n => n,
        };
        let shared = Arc::new(Shared {
            next: (0..count).map(|_| Next::default()).collect(),
            ..Shared::default()
        });
        let workers = (1..count)
            .map_while(|i| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new()
                    .name(format!("kernel-{i}"))
                    .spawn(move || shared.worker(i))
                    .ok()
            })
            .collect();
        Threads {
            shared,
            workers,
            turn: Mutex::new(()),
        }
    }

    /// One thread: the caller's.
    pub fn single() -> Self {
        Self::new(1)
    }

    pub fn count(&self) -> usize {
        self.workers.len() + 1
    }

    /// From now on tasks are left out once `progress` is cancelled: one operator may take minutes. What a kernel gives
    /// then means nothing, and whoever called it has to ask.
    pub fn watch(&self, progress: &Progress) {
        *self.watched() = progress.clone();
    }

    fn watched(&self) -> MutexGuard<'_, Progress> {
        let watched = self.shared.watched.lock();
        watched.unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `task(0)`, …, `task(total - 1)`, each once, and returns when all are done, or [it was
    /// cancelled](Threads::watch).
    pub fn run(&self, total: usize, task: &(dyn Fn(usize) + Sync)) {
        let watched = self.watched().clone();
        let task = &|index| {
            if !watched.cancelled() {
                task(index);
            }
        };
        let turn = self.turn.try_lock();
        if self.workers.is_empty() || total <= 1 || turn.is_err() {
            (0..total).for_each(task);
            return;
        }
        // SAFETY: only the lifetime is changed; `Closing` below keeps this call from ending while a worker uses it.
        let task: *const Task =
            unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), *const Task>(task) };
        self.shared.panicked.store(false, Relaxed);
        {
            let mut board = self.shared.board();
            for (thread, next) in self.shared.next.iter().enumerate() {
                next.0.store(self.shared.share(thread, total), Relaxed);
            }
            board.job = Some(Job { task, total });
            self.shared.epoch.fetch_add(1, Release);
            if board.asleep > 0 {
                self.shared.wake.notify_all();
            }
        }
        let closing = Closing(&self.shared);
        // SAFETY: `task` came from a reference that is still alive.
        self.shared.work(0, total, unsafe { &*task });
        drop(closing);
        assert!(
            !self.shared.panicked.load(Relaxed),
            "a kernel task panicked"
        );
    }

    /// Cuts `out` into pieces of `piece` elements (the last may be shorter) and calls `f(index, piece)` for each.
    pub fn pieces<T: Send>(&self, out: &mut [T], piece: usize, f: impl Fn(usize, &mut [T]) + Sync) {
        if out.is_empty() {
            return;
        }
        let piece = piece.max(1);
        let len = out.len();
        let base = SendPtr(out.as_mut_ptr());
        self.run(len.div_ceil(piece), &|index| {
            let start = index * piece;
            let count = piece.min(len - start);
            // SAFETY: pieces of different indices don't overlap, each index is given out once, and start + count <= len.
            let part = unsafe { std::slice::from_raw_parts_mut(base.get().add(start), count) };
            f(index, part);
        });
    }

    /// Cuts two slices into as many pieces, each of its own length (the last may be shorter), and calls
    /// `f(index, piece, piece)` for each pair.
    pub fn pairs<T: Send, U: Send>(
        &self,
        (a, piece_a): (&mut [T], usize),
        (b, piece_b): (&mut [U], usize),
        f: impl Fn(usize, &mut [T], &mut [U]) + Sync,
    ) {
        let piece_b = piece_b.max(1);
        let len = b.len();
        assert_eq!(a.len().div_ceil(piece_a.max(1)), len.div_ceil(piece_b));
        let base = SendPtr(b.as_mut_ptr());
        self.pieces(a, piece_a, |index, a| {
            let start = index * piece_b;
            let count = piece_b.min(len - start);
            // SAFETY: as in `pieces`: there are as many indices, each is given out once, and start + count <= len.
            let b = unsafe { std::slice::from_raw_parts_mut(base.get().add(start), count) };
            f(index, a, b);
        });
    }

    /// Splits `out`, whose elements take little work each, where it is large enough for several threads to gain by it, or
    /// to take long: `f(first_element, elements)`. Every part but the last is a multiple of `grain` elements long.
    pub fn elements<T: Send>(
        &self,
        out: &mut [T],
        grain: usize,
        f: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let enough = match self.count() {
            1 => LARGE,
            _ => SPLIT / size_of::<T>().max(1),
        };
        if out.len() < enough {
            if !out.is_empty() {
                f(0, out);
            }
            return;
        }
        let parts = match self.count() {
            1 => out.len() / LARGE,
            count => (2 * count).max(out.len() / LARGE),
        };
        let piece = out.len().div_ceil(parts).next_multiple_of(64);
        let piece = piece.next_multiple_of(grain.max(1));
        self.pieces(out, piece, |index, part| f(index * piece, part));
    }

    /// Splits `out`, each of whose elements takes easy work on so many `bytes`, as [`Threads::elements`] does:
    /// `f(first_element, elements)`.
    pub fn lines<T: Send>(&self, out: &mut [T], bytes: usize, f: impl Fn(usize, &mut [T]) + Sync) {
        let all = out.len().saturating_mul(bytes);
        let parts = match self.count() {
            1 => all / (4 * LARGE),
            _ if all < SPLIT => 1,
            count => (2 * count).max(all / (4 * LARGE)),
        };
        let piece = out.len().div_ceil(parts.max(1));
        self.pieces(out, piece, |index, part| f(index * piece, part));
    }

    /// Splits `out`, rows of `row` elements, into about four pieces per thread, each a multiple of `grain` rows;
    /// `f(first_row, rows)`. One piece when there is a single thread. Large ones are cut finer, so that it does not take
    /// long to stop.
    pub fn rows<T: Send>(
        &self,
        out: &mut [T],
        row: usize,
        grain: usize,
        f: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let row = row.max(1);
        let rows = out.len() / row;
        let parts = match self.count() {
            count if out.len() >= LARGE => 16 * count,
            1 => 1,
            count => 4 * count,
        };
        let wanted = rows.div_ceil(parts);
        let per_piece = wanted.next_multiple_of(grain.max(1)).max(1);
        self.pieces(out, per_piece * row, |index, part| {
            f(index * per_piece, part);
        });
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        {
            let _board = self.shared.board();
            self.shared.stop.store(true, Release);
            self.shared.epoch.fetch_add(1, Release);
            self.shared.wake.notify_all();
        }
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

impl std::fmt::Debug for Threads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Threads({})", self.count())
    }
}

struct SendPtr<T>(*mut T);

impl<T> SendPtr<T> {
    fn get(&self) -> *mut T {
        self.0
    }
}

// SAFETY: used by `pieces` and `pairs`, which hand disjoint parts of one `&mut [T]` to threads; T is Send there.
unsafe impl<T: Send> Sync for SendPtr<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_written_once() {
        for count in [1, 2, 4] {
            let threads = Threads::new(count);
            for _ in 0..200 {
                let mut out = vec![0u32; 1003];
                threads.pieces(&mut out, 10, |index, part| {
                    for v in part {
                        *v += index as u32 + 1;
                    }
                });
                assert!(out.iter().enumerate().all(|(i, &v)| v == i as u32 / 10 + 1));
            }
        }
    }

    #[test]
    fn pieces_of_two_slices_meet() {
        let threads = Threads::new(3);
        let (mut a, mut b) = (vec![0u32; 103], vec![0u64; 31]);
        threads.pairs((&mut a, 10), (&mut b, 3), |index, a, b| {
            a.fill(index as u32);
            b.fill(a.len() as u64);
        });
        assert!(a.iter().enumerate().all(|(i, &v)| v == i as u32 / 10));
        assert!(b.iter().enumerate().all(|(i, &v)| v == [10, 3][i / 30]));
    }

    #[test]
    fn cancelled_work_ends_after_the_piece_at_hand() {
        for count in [1, 3] {
            let threads = Threads::new(count);
            let progress = Progress::new();
            threads.watch(&progress);
            let done = AtomicUsize::new(0);
            threads.rows(&mut vec![0u8; LARGE], 1, 1, |_, _| {
                progress.cancel();
                done.fetch_add(1, Relaxed);
            });
            assert!((1..=count).contains(&done.into_inner()));
            threads.watch(&Progress::new());
            let again = AtomicUsize::new(0);
            threads.run(5, &|_| {
                again.fetch_add(1, Relaxed);
            });
            assert_eq!(again.into_inner(), 5);
        }
    }

    #[test]
    fn a_kernel_inside_a_kernel_runs_on_its_own_thread() {
        let threads = Threads::new(2);
        let sum = AtomicUsize::new(0);
        threads.run(4, &|_| {
            threads.run(4, &|i| {
                sum.fetch_add(i, Relaxed);
            })
        });
        assert_eq!(sum.into_inner(), 24);
    }

    #[test]
    fn a_panic_in_a_task_reaches_the_caller_and_the_pool_lives_on() {
        let threads = Threads::new(3);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            threads.run(8, &|i| assert!(i != 3, "on purpose"));
        }));
        assert!(caught.is_err());
        let sum = AtomicUsize::new(0);
        threads.run(3, &|i| {
            sum.fetch_add(i, Relaxed);
        });
        assert_eq!(sum.into_inner(), 3);
    }
}
