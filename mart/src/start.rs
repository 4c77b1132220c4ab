//! What starts, in which order; everything that runs stands on one list.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use event_store::{EventStore, Log};
use projectors::{Progress, ReadDatabases, mirror::Kafka, relay::Relay};
use read_api::{Reader, Rebuilds};
use service::{Common, Profile, Service, Settings, settings::SettingError};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use write_api::{Shop as Counter, SimulatedGateway};

use crate::{
    databases::{self, STOPPING, Servers},
    health, mails, mirror,
    ports::{self, Port},
    roles::Role,
    running::Running,
    seal, secret_key,
    shutdown::Stops,
    waiting::Waiting,
};

/// A shop that is not running.
#[derive(Debug, Clone, Copy)]
pub struct Shop;

/// A shop that runs until [`RunningShop::shutdown`].
pub struct RunningShop {
    pub(crate) parts: Parts,
    pub(crate) servers: Servers,
    notes: Vec<String>,
}

/// Everything of it but the servers of its databases.
pub(crate) struct Parts {
    pub(crate) common: Common,
    pub(crate) log: Log,
    pub(crate) stops: Stops,
    pub(crate) serving: Running,
    pub(crate) working: Running,
    pub(crate) projecting: Option<Progress>,
    pub(crate) rebuilds: Rebuilds,
    read_models: Option<ReadDatabases>,
    ports: Vec<(Service, SocketAddr)>,
    ready: CancellationToken,
}

impl Shop {
    /// Starts these roles; no roles are all of them.
    pub async fn start(settings: &Settings, roles: &[Role]) -> anyhow::Result<RunningShop> {
        Self::start_telling(settings, roles, &Waiting::unseen()).await
    }

    /// The same, and tells what it is waiting for.
    pub async fn start_telling(
        settings: &Settings,
        roles: &[Role],
        waiting: &Waiting,
    ) -> anyhow::Result<RunningShop> {
        settings.check()?;
        mails::check(settings)?;
        let kafka = mirror::kafka(settings);
        if kafka.is_none() && roles.contains(&Role::Relay) {
            let refusal =
                "must be given for a relay: it names the brokers that the log is mirrored to";
            return Err(SettingError::new("KAFKA_BROKERS", refusal).into());
        }
        let every = Role::all(kafka.is_some());
        let roles = if roles.is_empty() { &every } else { roles };
        let servers = Servers::start(settings, waiting).await?;
        waiting.for_("the databases' tables");
        let started = async {
            anyhow::Ok((
                servers.notes(settings)?,
                Parts::start(settings, roles, kafka, &servers).await?,
            ))
        };
        match started.await {
            Ok((notes, parts)) => Ok(RunningShop {
                parts,
                servers,
                notes,
            }),
            Err(error) => {
                if let Err(stop) = servers.stop(STOPPING).await {
                    tracing::error!(error = format!("{stop:#}"), "Postgres did not stop");
                }
                Err(error)
            }
        }
    }
}

impl Parts {
    async fn start(
        settings: &Settings,
        roles: &[Role],
        kafka: Option<Kafka>,
        servers: &Servers,
    ) -> anyhow::Result<Self> {
        // What everything stands on: ports, and databases with their tables.
        let common = common(settings)?;
        let ports = ports::open(settings.bind, settings.first_port, open_services(roles)).await?;
        let store = servers.event_store(settings).await?;
        let read_models = read_models(settings, roles, servers, &store).await?;
        let mailer = read_models
            .as_ref()
            .map(|databases| mails::mailer(settings, databases))
            .transpose()?;

        // What runs: the log's writer and readers, the reactions, the read models, the mails, and last the ports.
        let has = |role| roles.contains(&role);
        let stops = Stops::default();
        let mut working = Running::default();
        let mut routes = Vec::new();
        let mut log = Log::open(store.clone());
        if has(Role::WriteApi) {
            let store = EventStore::open(store)
                .await
                .context("can't open the event store")?;
            log = store.log().clone();
            let gateway =
                SimulatedGateway::new(settings.gateway_success_rate, settings.gateway_seed);
            let counter = Counter::new(store, common.clone(), Arc::new(gateway))?;
            routes.extend(write_api::routers(&counter));
            if settings.audit_sealing {
                let sealer = seal::sealer(settings, &log)?.run(stops.sealing.clone());
                working.one("sealer", sealer);
            }
            working.all(
                "reactions",
                write_api::reactions(&counter, &stops.reactions),
            );
        }
        let alone = has(Role::Projectors) && kafka.is_none();
        let progress = read_models
            .as_ref()
            .map(|databases| progress(databases, alone));
        let rebuilds = Rebuilds::default();
        if let (Some(databases), Some(progress)) = (&read_models, &progress) {
            if has(Role::Projectors) {
                working.all(
                    "projections",
                    projectors::run(
                        &log,
                        databases,
                        progress,
                        kafka.as_ref(),
                        &stops.projections,
                    ),
                );
            }
            if has(Role::ReadApi) {
                let (databases, progress) = (databases.clone(), progress.clone());
                let reader = Reader {
                    databases,
                    progress,
                    common: common.clone(),
                    log: log.clone(),
                    rebuilds: rebuilds.clone(),
                };
                routes.extend(read_api::routers(&reader));
            }
        }
        let mut relaying = None;
        if let Some(kafka) = kafka.filter(|_| has(Role::Relay)) {
            let relay = Relay::new(&log, kafka);
            relaying = Some(relay.state());
            working.one("relay", relay.run(stops.relay.clone()));
        }
        if let Some(mailer) = mailer.filter(|_| has(Role::Mailer)) {
            working.one("mailer", mailer.run(stops.mails.clone()));
        }
        let ready = CancellationToken::new();
        let health = health::Watch::new(
            &common,
            &log,
            read_models.as_ref(),
            progress.clone(),
            relaying.filter(|_| !roles.iter().any(|role| role.serves_customers())),
        );
        working.one("health", health.run(ready.clone(), stops.health.clone()));
        let addresses = ports
            .iter()
            .map(|port| (port.service, port.address))
            .collect();
        let serving = serve(ports, routes, &common, &stops);

        let projecting = progress.filter(|_| has(Role::Projectors));
        Ok(Self {
            common,
            log,
            stops,
            serving,
            working,
            projecting,
            rebuilds,
            read_models,
            ports: addresses,
            ready,
        })
    }
}

impl RunningShop {
    /// Where the services answer, in the order of their ports.
    pub fn urls(&self) -> impl Iterator<Item = (Service, String)> {
        self.parts
            .ports
            .iter()
            .map(|(service, address)| (*service, ports::url(*address)))
    }

    /// Where this service answers.
    ///
    /// # Panics
    /// When none of the roles opens its port.
    #[must_use]
    pub fn url(&self, service: Service) -> String {
        self.urls()
            .find(|(other, _)| *other == service)
            .expect("one of the roles opens this port")
            .1
    }

    /// The read models, unless no role needs them.
    #[must_use]
    pub fn read_models(&self) -> Option<&ReadDatabases> {
        self.parts.read_models.as_ref()
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.parts.log
    }

    /// What the operator should know: where things are, if not where the settings say.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Resolves when `/health/ready` says 200 for the first time: the read models show all that the log held at the start.
    pub fn ready(&self, waiting: &Waiting) -> impl Future<Output = ()> + Send + use<> {
        let (ready, common, waiting) = (
            self.parts.ready.clone(),
            self.parts.common.clone(),
            waiting.clone(),
        );
        async move {
            let mut shown = tokio::time::interval(Duration::from_millis(200));
            loop {
                tokio::select! {
                    () = ready.cancelled() => return,
                    _ = shown.tick() => {
                        let failing: Vec<_> = common.readiness().failing().into_values().collect();
                        waiting.for_(&failing.join("; "));
                    }
                }
            }
        }
    }
}

fn common(settings: &Settings) -> anyhow::Result<Common> {
    let key = match (&settings.jwt_secret_key, settings.profile) {
        (Some(key), _) => key.clone(),
        (None, Profile::Dev) => secret_key::read_or_make(&databases::data_dir(settings)?)?,
        (None, Profile::Prod) => anyhow::bail!("settings without a key are refused before this"),
    };
    Ok(Common::new(
        settings.profile,
        key.expose().as_bytes(),
        settings.jwt_expiry_time,
    )
    .behind(settings.trusted_proxies.clone().unwrap_or_default()))
}

/// Whoever answers customers opens all ports, also where it has no route; the others open the operator's, for health.
fn open_services(roles: &[Role]) -> Vec<Service> {
    if roles.iter().any(|role| role.serves_customers()) {
        Service::ALL.to_vec()
    } else {
        vec![Service::Operator]
    }
}

async fn read_models(
    settings: &Settings,
    roles: &[Role],
    servers: &Servers,
    store: &PgPool,
) -> anyhow::Result<Option<ReadDatabases>> {
    if !roles.iter().any(|role| role.uses_read_models()) {
        return Ok(None);
    }
    let databases = servers.read_models(settings).await?;
    projectors::check(&Log::open(store.clone()), &databases).await?;
    Ok(Some(databases))
}

/// How far the projections are. Behind Kafka, another process may run some of them, or some partitions of one.
fn progress(databases: &ReadDatabases, alone: bool) -> Progress {
    if alone {
        Progress::here()
    } else {
        Progress::shared(databases)
    }
}

fn serve(
    ports: Vec<Port>,
    mut routes: Vec<(Service, OpenApiRouter)>,
    common: &Common,
    stops: &Stops,
) -> Running {
    // Whoever answers customers shows what its neighbours serve as well; a port for health alone has no more than that.
    let pages = if routes.is_empty() {
        Vec::new()
    } else {
        [write_api::documentation(), read_api::documentation()].concat()
    };
    let mut serving = Running::default();
    for Port {
        service, listener, ..
    } in ports
    {
        let of_all = pages.iter().filter(|(other, _)| *other == service);
        let whole = of_all.map(|(_, page)| page.clone()).collect();
        let of_this = routes
            .extract_if(.., |(other, _)| *other == service)
            .map(|(_, routes)| routes);
        let merged = of_this.fold(OpenApiRouter::new(), OpenApiRouter::merge);
        let answering = service::port_of_part(service, merged, whole, common);
        let served = service::serve(listener, answering, stops.requests.clone());
        serving.one(service.name(), served);
    }
    serving
}
