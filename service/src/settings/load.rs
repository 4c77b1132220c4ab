use std::{collections::BTreeMap, ffi::OsString, fmt, path::Path};

use clap::{
    ArgMatches, Args, Command, CommandFactory, FromArgMatches,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};

use super::{Profile, Settings};

/// Exit code of a start that its settings stopped (`EX_CONFIG` of sysexits.h).
pub const EX_CONFIG: u8 = 78;

/// Names of ours begin so; one that no setting has is a slip of the pen and stops the start.
const OURS: &str = "MART_";

/// Where the value of a setting came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The process' environment.
    Environment,
    /// The file `.env`.
    DotEnv,
    /// The command line.
    Flag,
    /// Made up by the shop and kept in its data directory.
    Generated,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Default => "default",
            Self::Environment => "environment",
            Self::DotEnv => ".env",
            Self::Flag => "flag",
            Self::Generated => "generated",
        })
    }
}

/// Origins by the settings' environment names.
pub type Origins = BTreeMap<String, Origin>;

/// A setting that stops the start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct SettingError {
    /// The setting's environment name.
    pub name: String,
    /// What is wrong with its value.
    pub problem: String,
}

impl SettingError {
    /// What is wrong with the setting of this name.
    pub fn new(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            problem: problem.into(),
        }
    }
}

/// Why a command line was not understood.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not about a setting: an unknown flag, or `--help`.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// About a setting.
    #[error(transparent)]
    Setting(#[from] SettingError),
}

/// A command line that was understood.
#[derive(Debug)]
pub struct Loaded<C> {
    /// What shall be done.
    pub cli: C,
    /// With which settings.
    pub settings: Settings,
    /// Where each of them came from.
    pub origins: Origins,
}

impl Settings {
    /// Reads flags, then the environment, then (in `dev`) the file `.env`; the first that has a value wins.
    pub fn load<C: CommandFactory + FromArgMatches>(
        args: &[OsString],
        environment: &BTreeMap<String, String>,
        dotenv: &Path,
    ) -> Result<Loaded<C>, LoadError> {
        let alone = parse::<C>(args, environment, &BTreeMap::new())?;
        let loaded = match alone.settings.profile {
            Profile::Dev => parse::<C>(args, environment, &read_dotenv(dotenv)?)?,
            Profile::Prod => alone,
        };
        loaded.settings.check()?;
        Ok(loaded)
    }

    /// Settings from flags alone, checked: for tests, which must not depend on anybody's environment.
    pub fn from_flags<S: Into<OsString>>(
        flags: impl IntoIterator<Item = S>,
    ) -> Result<Self, LoadError> {
        let args: Vec<OsString> = std::iter::once("mart".into())
            .chain(flags.into_iter().map(Into::into))
            .collect();
        let settings = parse::<Nothing>(&args, &BTreeMap::new(), &BTreeMap::new())?.settings;
        settings.check()?;
        Ok(settings)
    }
}

/// A command line without commands.
#[derive(clap::Parser)]
struct Nothing {}

/// The environment of this process, as far as it can concern the settings.
pub fn process_environment() -> Result<BTreeMap<String, String>, SettingError> {
    let names: Vec<String> = known(&definitions()).map(|(_, name)| name).collect();
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with(OURS) || names.contains(name))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(SettingError::new(name, "is not valid UTF-8")),
        })
        .collect()
}

fn parse<C: CommandFactory + FromArgMatches>(
    args: &[OsString],
    environment: &BTreeMap<String, String>,
    dotenv: &BTreeMap<String, String>,
) -> Result<Loaded<C>, LoadError> {
    let definitions = definitions();
    let plain = with_settings(C::command()).mut_args(|arg| arg.hide_env_values(true));
    let mut command = plain.clone();
    for (id, name) in known(&definitions) {
        command = command.mut_arg(&id, |arg| arg.global(true).env(Resettable::Reset));
        if let Some(value) = given(&name, environment).or_else(|| given(&name, dotenv)) {
            // clap keeps defaults for the life of the process; there are few of them, and they are read once.
            let value: &'static str = value.to_owned().leak();
            command = command.mut_arg(&id, |arg| arg.default_value(value));
        }
    }
    let matches = match command.try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            return Err(help(plain, args, error).into());
        }
        Err(error) => return Err(explain(error, &definitions)),
    };
    refuse_unknown(environment, &definitions)?;
    refuse_unknown(dotenv, &definitions)?;

    let origins = known(&definitions)
        .map(|(id, name)| {
            let origin = origin(&matches, &id, &name, environment, dotenv);
            (name, origin)
        })
        .collect();
    Ok(Loaded {
        cli: C::from_arg_matches(&matches)?,
        settings: Settings::from_arg_matches(&matches)?,
        origins,
    })
}

/// The help page with the names of the environment variables, and nobody's values as defaults.
fn help(plain: Command, args: &[OsString], otherwise: clap::Error) -> clap::Error {
    plain
        .mut_args(|arg| {
            if arg.get_env().is_some() {
                arg.global(true)
            } else {
                arg
            }
        })
        .try_get_matches_from(args)
        .err()
        .unwrap_or(otherwise)
}

/// The command with the settings' flags, and still described by its own words.
fn with_settings(command: Command) -> Command {
    let about = command.get_about().cloned();
    let long_about = command.get_long_about().cloned();
    Settings::augment_args(command)
        .about(about.map_or(Resettable::Reset, Resettable::Value))
        .long_about(long_about.map_or(Resettable::Reset, Resettable::Value))
}

fn definitions() -> Command {
    Settings::augment_args(Command::new("settings"))
}

/// Every setting: its identity for clap and its environment name.
fn known(definitions: &Command) -> impl Iterator<Item = (String, String)> {
    definitions.get_arguments().filter_map(|arg| {
        Some((
            arg.get_id().to_string(),
            arg.get_env()?.to_str()?.to_owned(),
        ))
    })
}

/// An empty value is none.
fn given<'a>(name: &str, values: &'a BTreeMap<String, String>) -> Option<&'a str> {
    values
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

fn origin(
    matches: &ArgMatches,
    id: &str,
    name: &str,
    environment: &BTreeMap<String, String>,
    dotenv: &BTreeMap<String, String>,
) -> Origin {
    if matches.value_source(id) == Some(ValueSource::CommandLine) {
        Origin::Flag
    } else if given(name, environment).is_some() {
        Origin::Environment
    } else if given(name, dotenv).is_some() {
        Origin::DotEnv
    } else {
        Origin::Default
    }
}

fn refuse_unknown(
    values: &BTreeMap<String, String>,
    definitions: &Command,
) -> Result<(), SettingError> {
    let unknown = values.keys().find(|name| {
        name.starts_with(OURS) && !known(definitions).any(|(_, known)| known == **name)
    });
    match unknown {
        Some(name) => Err(SettingError::new(
            name,
            "there is no such setting; `mart config` lists them all",
        )),
        None => Ok(()),
    }
}

/// A refused value is told by the setting's name, and without the value, which may be a secret.
fn explain(error: clap::Error, definitions: &Command) -> LoadError {
    let invalid = matches!(
        error.kind(),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation
    );
    let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg).filter(|_| invalid)
    else {
        return LoadError::Usage(error);
    };
    let flag = arg
        .trim_start_matches("--")
        .split([' ', '='])
        .next()
        .unwrap_or_default();
    let Some((_, name)) = known(definitions).find(|(id, _)| id.replace('_', "-") == flag) else {
        return LoadError::Usage(error);
    };
    let problem = match (
        std::error::Error::source(&error),
        error.get(ContextKind::ValidValue),
    ) {
        (Some(reason), _) => reason.to_string(),
        (None, Some(ContextValue::Strings(valid))) => {
            format!("must be one of {}", valid.join(", "))
        }
        (None, _) => "has no valid value".to_owned(),
    };
    LoadError::Setting(SettingError::new(name, problem))
}

fn read_dotenv(file: &Path) -> Result<BTreeMap<String, String>, SettingError> {
    if !file.exists() {
        return Ok(BTreeMap::new());
    }
    let values: BTreeMap<String, String> = dotenvy::from_path_iter(file)
        .and_then(Iterator::collect)
        .map_err(|_| {
            SettingError::new(
                file.display().to_string(),
                "has a line that is no NAME=value",
            )
        })?;
    match values.get("MART_PROFILE").map(String::as_str) {
        None | Some("" | "dev") => Ok(values),
        Some(_) => Err(SettingError::new(
            "MART_PROFILE",
            "is not taken from .env, which is read in dev only",
        )),
    }
}
