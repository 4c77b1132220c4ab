//! `mart`: the shop on one command, and the operator's errands.

use std::{ffi::OsString, path::Path, process::ExitCode, time::Duration};

use mart::{
    Role, RunningShop, Shop,
    cli::{Cli, Errand},
    say,
    shutdown::another_signal,
    waiting::Waiting,
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use service::{
    Settings, Signals,
    settings::{EX_CONFIG, LoadError, Loaded, SettingError, process_environment},
    telemetry,
};

/// Exit code when a second signal did not let the end be an orderly one, as shells write SIGINT.
const ASKED_TWICE: i32 = 130;
/// How long the end may take altogether; every part of it has its own bound, so this one is for what nobody thought of.
const PATIENCE: Duration = Duration::from_secs(24);
/// How long blocking work may take after everything else has ended.
const LEFTOVERS: Duration = Duration::from_secs(20);

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match understand().map_err(ExitCode::from) {
        Ok(loaded) => run(loaded),
        Err(code) => code,
    }
}

/// The command line and the settings, or the exit code of a start that ends here.
fn understand() -> Result<Loaded<Cli>, u8> {
    let args: Vec<OsString> = std::env::args_os().collect();
    let loaded = process_environment()
        .map_err(LoadError::from)
        .and_then(|environment| Settings::load::<Cli>(&args, &environment, Path::new(".env")));
    loaded.map_err(|error| match error {
        LoadError::Usage(usage) => {
            // Nobody reads our output any more if this fails, so there is nobody to tell.
            let _printed = usage.print();
            u8::try_from(usage.exit_code()).unwrap_or(2)
        }
        LoadError::Setting(setting) => complain(&setting.into()),
    })
}

fn run(loaded: Loaded<Cli>) -> ExitCode {
    let Loaded {
        cli,
        settings,
        origins,
    } = loaded;
    let errand = async {
        match cli.errand.unwrap_or_default() {
            Errand::Up(up) => self::up(&settings, &up.roles).await,
            errand => errand.run(&settings, &origins).await,
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return complain(&anyhow::Error::new(error).context("can't start")).into(),
    };
    let code = runtime
        .block_on(errand)
        .unwrap_or_else(|error| complain(&error).into());
    // A start of Postgres that a signal cut short ends by itself, with the server stopped.
    runtime.shutdown_timeout(LEFTOVERS);
    code
}

/// Runs the shop until a signal or a failure.
async fn up(settings: &Settings, roles: &[Role]) -> anyhow::Result<ExitCode> {
    telemetry::init(settings.profile, tracing::Level::INFO);
    open_as_many_files_as_allowed();
    let signalled = Signals::install()?;
    let waiting = Waiting::on_terminal();
    let started = tokio::select! {
        started = Shop::start_telling(settings, roles, &waiting) => started,
        () = signalled.cancelled() => {
            waiting.done();
            end_when_asked_again();
            return Ok(ExitCode::SUCCESS);
        }
    };
    waiting.done();
    let mut shop = started?;
    let waiting = Waiting::on_terminal();
    let failure = tokio::select! {
        failure = attend(&mut shop, &waiting) => Some(failure),
        () = signalled.cancelled() => None,
    };
    waiting.done();
    end_when_asked_again();
    let ending = async {
        match failure {
            Some(failure) => {
                if let Err(error) = shop.abandon().await {
                    tracing::warn!(error = format!("{error:#}"), "the end was no orderly one");
                }
                Err(failure)
            }
            None => shop.shutdown().await,
        }
    };
    tokio::select! {
        ended = ending => ended.map(|()| ExitCode::SUCCESS),
        () = tokio::time::sleep(PATIENCE) => {
            tracing::error!("the end took too long; Postgres is told to stop when this process is gone");
            std::process::exit(1)
        }
    }
}

/// A connection is an open file: the soft limit of 1,024 that many systems set is for programs that use `select`.
fn open_as_many_files_as_allowed() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// Whoever asks twice does not want to wait; what was answered is durable, and Postgres ends with us. On a thread of its
/// own: the runtime may be waiting for a start that was cut short.
fn end_when_asked_again() {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        if runtime.is_ok_and(|runtime| runtime.block_on(another_signal()).is_ok()) {
            std::process::exit(ASKED_TWICE);
        }
    });
}

/// Says where the shop is and that it is ready, and then waits for what must not happen.
async fn attend(shop: &mut RunningShop, waiting: &Waiting) -> anyhow::Error {
    let ready = shop.ready(waiting);
    tokio::select! {
        () = ready => waiting.done(),
        failure = shop.failed() => return failure,
    }
    for note in shop.notes() {
        eprintln!("mart: {note}");
    }
    for (service, url) in shop.urls() {
        say(&format!("{service:<12} {url}"));
    }
    say("ready");
    shop.failed().await
}

/// Tells why it ends, and with which code.
fn complain(error: &anyhow::Error) -> u8 {
    eprintln!("mart: {error:#}");
    if error.is::<SettingError>() {
        EX_CONFIG
    } else {
        1
    }
}
