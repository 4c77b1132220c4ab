//! The shop's ports: taken before anything is promised.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use service::Service;
use tokio::net::TcpListener;

/// A port that could not be taken.
#[derive(Debug, thiserror::Error)]
#[error("port {} of the {} service can't be opened{}", address.port(), service.name(), advice(source))]
pub struct PortError {
    service: Service,
    address: SocketAddr,
    source: io::Error,
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            " (is another shop running? MART_FIRST_PORT chooses other ports, 0 free ones)"
        }
        io::ErrorKind::AddrNotAvailable => " (MART_BIND must be an address of this machine)",
        _ => "",
    }
}

/// A service's port, taken.
#[derive(Debug)]
pub struct Port {
    /// Whose it is.
    pub service: Service,
    /// Where connections come in.
    pub listener: TcpListener,
    /// Its address, with the port that the system chose if we asked for none.
    pub address: SocketAddr,
}

impl Port {
    /// How to call it.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.address)
    }
}

/// How to call an address from this machine.
#[must_use]
pub fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() || ip.is_loopback() => {
            return format!("http://localhost:{}", address.port());
        }
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// Takes the ports of these services, all or none.
pub async fn open(
    bind: IpAddr,
    first: u16,
    services: impl IntoIterator<Item = Service>,
) -> Result<Vec<Port>, PortError> {
    let mut ports = Vec::new();
    for service in services {
        let port = if first == 0 { 0 } else { service.port(first) };
        let address = SocketAddr::new(bind, port);
        let opened = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok(Port {
                service,
                listener,
                address,
            })
        };
        ports.push(opened.await.map_err(|source| PortError {
            service,
            address,
            source,
        })?);
    }
    Ok(ports)
}
