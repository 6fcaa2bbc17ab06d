//! The real program in a pseudo-terminal: keys in, the screen as text out. Every wait is on a condition.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Longer than anything takes on a busy machine; a wait that ends here has failed.
const PATIENCE: Duration = Duration::from_secs(20);

const PROGRAM: &str = env!("CARGO_BIN_EXE_mexplore");

pub struct Terminal {
    output: Arc<(Mutex<Output>, Condvar)>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    /// The modes of the line (echo, cooked, …) before the program came.
    modes: String,
}

/// What the program has written.
struct Output {
    screen: vt100::Parser,
    bytes: Vec<u8>,
    /// Nobody can write any more, and all that was written is above.
    ended: bool,
}

/// How the program left.
#[derive(Debug, PartialEq, Eq)]
pub struct End {
    pub code: u32,
    /// Whether the terminal is as it was.
    pub restored: bool,
    /// What is on the screen then.
    pub text: String,
}

fn size(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).unwrap()
}

impl Terminal {
    /// Starts the program with `args` in `folder`, which also holds its config and cache.
    pub fn start(args: &[&str], folder: &Path, size: (u16, u16)) -> Terminal {
        let mut command = CommandBuilder::new(PROGRAM);
        command.args(args);
        Terminal::spawn(command, folder, size)
    }

    /// As [`Terminal::start`], from a shell script that calls the program `"$0" "$@"`.
    #[cfg(unix)]
    pub fn start_in_shell(
        script: &str,
        args: &[&str],
        folder: &Path,
        size: (u16, u16),
    ) -> Terminal {
        let mut command = CommandBuilder::new("sh");
        command.args(["-c", script, PROGRAM]);
        command.args(args);
        Terminal::spawn(command, folder, size)
    }

    fn spawn(mut command: CommandBuilder, folder: &Path, (columns, rows): (u16, u16)) -> Terminal {
        let pair = native_pty_system().openpty(extent(columns, rows)).unwrap();
        command.env("TERM", "xterm-256color");
        command.env("HOME", folder);
        command.env("XDG_CONFIG_HOME", folder.join("config"));
        command.env("XDG_CACHE_HOME", folder.join("cache"));
        for outer in ["TMUX", "RUST_BACKTRACE", "RUST_LIB_BACKTRACE", "NO_COLOR"] {
            command.env_remove(outer);
        }
        let bin = folder.join("bin").into_os_string();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(bin.into()).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(paths).unwrap());
        command.cwd(folder);
        let modes = modes(pair.master.as_ref());
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let output = Arc::new((
            Mutex::new(Output {
                screen: vt100::Parser::new(size(rows), size(columns), 0),
                bytes: Vec::new(),
                ended: false,
            }),
            Condvar::new(),
        ));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let shared = Arc::clone(&output);
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                let Ok(mut output) = shared.0.lock() else {
                    break;
                };
                output.screen.process(&bytes[..count]);
                output.bytes.extend_from_slice(&bytes[..count]);
                shared.1.notify_all();
            }
            if let Ok(mut output) = shared.0.lock() {
                output.ended = true;
                shared.1.notify_all();
            }
        });
        Terminal {
            output,
            keys: pair.master.take_writer().unwrap(),
            child,
            master: pair.master,
            modes,
        }
    }

    /// Types `keys` as they are.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// What `see` makes of the output once it makes something; fails with the last screen when it never does.
    fn until<T>(&self, what: &str, see: impl Fn(&Output) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        let mut output = self.output.0.lock().unwrap();
        loop {
            if let Some(seen) = see(&output) {
                return seen;
            }
            let left = until.saturating_duration_since(Instant::now());
            let text = output.screen.screen().contents();
            assert!(!left.is_zero(), "{what} never came; the screen:\n{text}");
            output = self.output.1.wait_timeout(output, left).unwrap().0;
        }
    }

    /// The screen once `fits` holds.
    pub fn wait(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        self.until(what, |output| {
            Some(output.screen.screen().contents()).filter(|text| fits(text))
        })
    }

    /// Waits until all of `words` are on the screen.
    pub fn shows(&self, words: &[&str]) -> String {
        self.wait(&format!("{words:?}"), |text| {
            words.iter().all(|word| text.contains(word))
        })
    }

    /// Waits until the program has written exactly these bytes at some time.
    pub fn wrote(&self, bytes: &str) {
        self.until(&format!("{bytes:?}"), |output| {
            let mut all = output.bytes.windows(bytes.len());
            all.any(|w| w == bytes.as_bytes()).then_some(())
        });
    }

    /// Writes on the screen behind the program's back.
    pub fn spoil(&self, words: &str) {
        let mut output = self.output.0.lock().unwrap();
        output.screen.process(words.as_bytes());
    }

    /// Another size, of which the program hears by a signal.
    pub fn resize(&self, columns: u16, rows: u16) {
        let mut output = self.output.0.lock().unwrap();
        let screen = output.screen.screen_mut();
        screen.set_size(size(rows), size(columns));
        drop(output);
        self.master.resize(extent(columns, rows)).unwrap();
    }

    /// Sends a signal by its name, `TERM`.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let pid = self.child.process_id().unwrap().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits until the terminal is as it was before the program came.
    pub fn is_given_back(&self) -> bool {
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let output = self.output.0.lock().unwrap();
            let screen = output.screen.screen();
            let clean = !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && !screen.application_keypad()
                && !screen.application_cursor()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
                && modes(self.master.as_ref()) == self.modes;
            drop(output);
            if clean || Instant::now() > until {
                return clean;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the end of the program.
    pub fn end(mut self) -> End {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "the program does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        // Its last words may still be on their way through the reader.
        let output = self.output.0.lock().unwrap();
        let rest = Duration::from_secs(2);
        let more = |output: &mut Output| !output.ended;
        drop(
            self.output
                .1
                .wait_timeout_while(output, rest, more)
                .unwrap(),
        );
        End {
            code: status.exit_code(),
            restored: self.is_given_back(),
            text: self.output.0.lock().unwrap().screen.screen().contents(),
        }
    }

    /// Waits for an end as it should be.
    #[track_caller]
    pub fn ends_well(self) {
        let end = self.end();
        assert!(end.code == 0 && end.restored, "{end:?}");
    }
}

fn extent(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

/// The modes of the line: what `stty` would change.
#[cfg(unix)]
fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios())
}

#[cfg(not(unix))]
fn modes(_master: &dyn MasterPty) -> String {
    String::new()
}
