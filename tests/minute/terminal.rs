//! The real program in a pseudo-terminal: keys in, the screen as text out. Every wait is on a condition.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};

/// Longer than anything takes on a busy machine; a wait that ends here has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Terminal {
    screen: Arc<(Mutex<vt100::Parser>, Condvar)>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    /// Held so that the terminal stays open.
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

fn size(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).unwrap()
}

impl Terminal {
    /// Starts the program with `args` in `folder`, which also holds its config and cache.
    pub fn start(args: &[&str], folder: &Path, (columns, rows): (u16, u16)) -> Terminal {
        let pair = native_pty_system()
            .openpty(PtySize {
                rows,
                cols: columns,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_mexplore"));
        command.args(args);
        command.env("TERM", "xterm-256color");
        command.env("HOME", folder);
        command.env("XDG_CONFIG_HOME", folder.join("config"));
        command.env("XDG_CACHE_HOME", folder.join("cache"));
        command.cwd(folder);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Arc::new((
            Mutex::new(vt100::Parser::new(size(rows), size(columns), 0)),
            Condvar::new(),
        ));
        let mut output = pair.master.try_clone_reader().unwrap();
        let shared = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shared.0.lock().unwrap().process(&bytes[..count]);
                shared.1.notify_all();
            }
        });
        Terminal {
            screen,
            keys: pair.master.take_writer().unwrap(),
            child,
            _master: pair.master,
        }
    }

    /// Types `keys` as they are.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// The screen once `fits` holds; fails with the last screen when it never does.
    pub fn wait(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        let mut parser = self.screen.0.lock().unwrap();
        loop {
            let text = parser.screen().contents();
            if fits(&text) {
                return text;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} never came; the screen:\n{text}");
            parser = self.screen.1.wait_timeout(parser, left).unwrap().0;
        }
    }

    /// Waits until all of `words` are on the screen.
    pub fn shows(&self, words: &[&str]) -> String {
        self.wait(&format!("{words:?}"), |text| {
            words.iter().all(|word| text.contains(word))
        })
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let pid = self.child.process_id().unwrap().to_string();
        let sent = std::process::Command::new("kill")
            .arg(&pid)
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits for the end of the program: its exit code, and whether it left the alternate screen and showed the cursor.
    pub fn end(mut self) -> (u32, bool) {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "the program does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        let until = Instant::now() + Duration::from_secs(5);
        let restored = loop {
            let parser = self.screen.0.lock().unwrap();
            let screen = parser.screen();
            let clean = !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None;
            if clean || Instant::now() > until {
                break clean;
            }
            drop(parser);
            std::thread::sleep(Duration::from_millis(5));
        };
        (status.exit_code(), restored)
    }
}
