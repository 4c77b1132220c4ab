//! What stands before a shop of several processes: GET and HEAD go to the read side, all else to the write side.

use std::net::SocketAddr;

use service::Service;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::process::Process;

/// The longest request head that is understood.
const HEAD: usize = 64 << 10;

/// A front for all ports; dropped, it is closed.
pub struct Front {
    doors: Vec<(Service, SocketAddr)>,
    _doormen: JoinSet<()>,
}

impl Front {
    pub async fn of(read: &Process, write: &Process) -> Self {
        let (mut doors, mut doormen) = (Vec::new(), JoinSet::new());
        for service in Service::ALL {
            let door = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            doors.push((service, door.local_addr().expect("an address")));
            let (read, write) = (place(read, service), place(write, service));
            doormen.spawn(async move {
                while let Ok((client, _)) = door.accept().await {
                    let (read, write) = (read.clone(), write.clone());
                    // The client may hang up at any time.
                    tokio::spawn(async move { lead(client, &read, &write).await });
                }
            });
        }
        Self {
            doors,
            _doormen: doormen,
        }
    }

    /// Host and port.
    pub fn address(&self, service: Service) -> SocketAddr {
        let mut doors = self.doors.iter();
        let found = doors.find(|(other, _)| *other == service);
        found.expect("one of seven").1
    }
}

fn place(process: &Process, service: Service) -> String {
    let url = process.url(service, "");
    url.rsplit('/').next().expect("host and port").to_owned()
}

/// One request a connection: the next one may be of the other kind.
async fn lead(mut client: TcpStream, read: &str, write: &str) -> std::io::Result<()> {
    let mut head = Vec::new();
    let end = loop {
        if let Some(end) = head.windows(4).position(|part| part == b"\r\n\r\n") {
            break end;
        }
        if head.len() > HEAD || client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    };
    let asks = head.starts_with(b"GET ") || head.starts_with(b"HEAD ");
    let mut server = TcpStream::connect(if asks { read } else { write }).await?;
    server.write_all(&head[..end]).await?;
    server.write_all(b"\r\nConnection: close").await?;
    server.write_all(&head[end..]).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
