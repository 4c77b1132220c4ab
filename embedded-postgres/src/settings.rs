use std::fmt;
use std::path::{Path, PathBuf};

/// What a server is started with.
#[derive(Clone)]
pub struct Settings {
    /// Holds the lock, the cluster, the socket's folder, the log and downloaded programs. Made when missing.
    pub data_dir: PathBuf,
    /// TCP port on 127.0.0.1; the next free one when it is taken; 0: any free one.
    pub port: u16,
    /// The folder of the server's programs; `None`: found, else downloaded.
    pub binaries: Option<PathBuf>,
    /// Whether installed programs are looked for before one downloads.
    pub use_installed: bool,
    /// The superuser, made with the cluster.
    pub user: String,
    /// Its password, set with the cluster.
    pub password: String,
    /// PostgreSQL's own cache, for example `64MB`.
    pub shared_buffers: String,
    /// Connections at once.
    pub max_connections: u16,
    /// More of PostgreSQL's settings; they win.
    pub extra: Vec<(String, String)>,
}

impl Settings {
    /// A durable server for the shop in `data_dir`, as everything else is by default.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            port: 5433,
            binaries: None,
            use_installed: true,
            user: "wasam".into(),
            password: "wasam_password".into(),
            shared_buffers: "64MB".into(),
            max_connections: 100,
            extra: Vec::new(),
        }
    }

    /// PostgreSQL's settings for this start.
    pub(crate) fn configuration(&self, socket_dir: &Path, port: u16) -> Vec<(String, String)> {
        let socket_dir = socket_dir.to_string_lossy();
        let port = port.to_string();
        let max_connections = self.max_connections.to_string();
        let ours = [
            ("unix_socket_directories", socket_dir.as_ref()),
            ("unix_socket_permissions", "0700"),
            ("listen_addresses", "127.0.0.1"),
            ("port", &port),
            ("max_connections", &max_connections),
            ("shared_buffers", &self.shared_buffers),
            // Nothing that was answered may be lost.
            ("fsync", "on"),
            ("full_page_writes", "on"),
            ("synchronous_commit", "on"),
            // Many small statements, no replication, few analyses.
            ("jit", "off"),
            ("wal_level", "minimal"),
            ("max_wal_senders", "0"),
            ("max_logical_replication_workers", "0"),
            ("max_wal_size", "1GB"),
            ("max_worker_processes", "4"),
            ("max_parallel_workers", "2"),
            ("autovacuum_max_workers", "2"),
            ("password_encryption", "scram-sha-256"),
            ("cluster_name", "online-mart"),
            ("log_min_messages", "warning"),
            ("log_line_prefix", "%m [%p] "),
            ("log_timezone", "UTC"),
            ("timezone", "UTC"),
        ];
        ours.into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .chain(self.extra.iter().cloned())
            .collect()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("data_dir", &self.data_dir)
            .field("port", &self.port)
            .field("binaries", &self.binaries)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
