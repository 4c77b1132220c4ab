//! Child processes that are gone when the tests are, however those end.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};

use tempfile::TempDir;

/// Where the work of one test lies: in memory where there is some, since all of it is gone in a minute.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    tempfile::Builder::new()
        .prefix("mart-mirror-")
        .tempdir_in(parent)
        .expect("a folder")
}

/// The program, killed by the kernel when the thread that starts it ends.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Starts it from a thread that lives as long as this process does.
pub fn spawn(command: Command) -> Child {
    type Answer = Sender<std::io::Result<Child>>;
    static STARTER: LazyLock<Sender<(Command, Answer)>> = LazyLock::new(|| {
        let (starter, orders) = channel::<(Command, Answer)>();
        std::thread::spawn(move || {
            for (mut command, answer) in orders {
                let _ = answer.send(command.spawn());
            }
        });
        starter
    });
    let (answer, started) = channel();
    STARTER
        .send((command, answer))
        .expect("the thread never ends");
    started
        .recv()
        .expect("it answers")
        .expect("the program starts")
}
