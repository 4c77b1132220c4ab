use std::fmt;
use std::path::PathBuf;

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
