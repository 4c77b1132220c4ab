//! The postmaster as a child of ours: started, watched, stopped.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::watch;

use crate::child::{Life, detach};

/// The running postmaster. A thread of its own has started it and waits for its end: the kernel ends the child with that
/// thread, not with the process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    died: watch::Receiver<Option<String>>,
    stop: Option<Sender<Duration>>,
    thread: Option<JoinHandle<bool>>,
}

/// How long a clean stop may take when nobody says so.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

impl Process {
    pub(crate) fn start(mut command: Command) -> std::io::Result<Self> {
        detach(&mut command, Life::EndsWithUs);
        let (started, start) = channel();
        let (stop, stopped) = channel();
        let (death, died) = watch::channel(None);
        let thread = std::thread::Builder::new()
            .name("postgres".into())
            .spawn(move || match command.spawn() {
                Ok(child) => {
                    let _ = started.send(Ok(child.id()));
                    watch_over(child, &stopped, &death)
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                    false
                }
            })?;
        let pid = start.recv().map_err(std::io::Error::other)??;
        Ok(Self {
            pid,
            died,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Tells when the server ended without being asked to, and how.
    pub(crate) fn died(&self) -> watch::Receiver<Option<String>> {
        self.died.clone()
    }

    /// Stops the server with a last checkpoint, by force after `patience`; whether it was a clean end.
    pub(crate) fn stop(&mut self, patience: Duration) -> bool {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(patience);
        }
        let thread = self.thread.take();
        thread.is_some_and(|thread| thread.join().unwrap_or(false))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop(PATIENCE);
    }
}

/// Whether it ended cleanly.
fn watch_over(
    mut child: Child,
    stopped: &Receiver<Duration>,
    death: &watch::Sender<Option<String>>,
) -> bool {
    let patience = loop {
        match stopped.recv_timeout(Duration::from_millis(50)) {
            Ok(patience) => break patience,
            Err(RecvTimeoutError::Disconnected) => break PATIENCE,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Ok(Some(status)) = child.try_wait() {
            death.send_replace(Some(told(status)));
            return false;
        }
    };
    stop(&mut child, patience)
}

/// Fast, then immediate, then by force.
fn stop(child: &mut Child, patience: Duration) -> bool {
    let Ok(pid) = i32::try_from(child.id()) else {
        return false;
    };
    let begin = Instant::now();
    let moment = Duration::from_secs(1);
    for (signal, patience) in [
        (Signal::SIGINT, patience),
        (Signal::SIGQUIT, moment),
        (Signal::SIGKILL, moment),
    ] {
        let _ = kill(Pid::from_raw(pid), signal);
        let asked = Instant::now();
        while asked.elapsed() < patience {
            if let Ok(Some(status)) = child.try_wait() {
                let milliseconds = begin.elapsed().as_millis();
                tracing::debug!(
                    "PostgreSQL stopped after {milliseconds} ms: {}",
                    told(status)
                );
                return status.success();
            }
            sleep(Duration::from_millis(5));
        }
        tracing::warn!("PostgreSQL did not stop within {patience:?} of {signal}");
    }
    false
}

fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with code {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => status.to_string(),
    }
}
