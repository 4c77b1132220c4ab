//! What a child process of ours does between fork and exec.

use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// How long a child may live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// It is told to stop (SIGINT) when the *thread* that started it ends, so that must be one that lives long.
    EndsWithUs,
    /// It outlives us.
    #[cfg(feature = "testing")]
    Outlives,
}

/// Puts the child into a process group of its own (Ctrl-C on the terminal is meant for us) and closes every descriptor
/// above 2 that we inherited: whoever waits for the end of such a pipe must not wait for the child.
pub(crate) fn detach(command: &mut Command, life: Life) {
    let inherited = open_descriptors();
    let parent = nix::unistd::getpid();
    command.process_group(0);
    #[expect(unsafe_code, reason = "there is no safe door between fork and exec")]
    // SAFETY: the closure only makes system calls that are async-signal-safe (fcntl, prctl, getppid) and allocates nothing;
    // a descriptor that was closed meanwhile is answered with EBADF, which does not matter.
    unsafe {
        command.pre_exec(move || {
            for descriptor in &inherited {
                let descriptor = BorrowedFd::borrow_raw(*descriptor);
                let _ = fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
            }
            if life == Life::EndsWithUs {
                end_with(parent)?;
            }
            Ok(())
        });
    }
}

/// Runs after the change of account, which would clear the setting.
#[cfg(target_os = "linux")]
fn end_with(parent: nix::unistd::Pid) -> std::io::Result<()> {
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGINT)?;
    if nix::unistd::getppid() == parent {
        Ok(())
    } else {
        Err(nix::errno::Errno::ESRCH.into())
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with(_parent: nix::unistd::Pid) -> std::io::Result<()> {
    Ok(())
}

fn open_descriptors() -> Vec<RawFd> {
    std::fs::read_dir("/dev/fd")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|descriptor| *descriptor > 2)
        .collect()
}
