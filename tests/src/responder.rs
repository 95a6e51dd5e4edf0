//! Connections and datagrams that tell where they seem to come from.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::Place;
use crate::place::inside;

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long silence must last to count; a dropped packet is not answered later either.
const SILENCE: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(2);

/// How packets are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One connection for each question.
    Tcp,
    /// One datagram for each question.
    Udp,
}

/// Answers whoever asks with the address that the question comes from, until it is dropped.
#[derive(Debug)]
pub struct Responder {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Responder {
    /// Listens on an address and port; `[::]` is both families.
    ///
    /// # Errors
    /// When the socket can't be opened there.
    pub fn start(place: &dyn Place, transport: Transport, address: &str) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let context = || format!("{transport:?} {address}");
        let thread = match transport {
            Transport::Tcp => {
                let listener = inside(place, || Ok(TcpListener::bind(address)?));
                let listener = listener.with_context(context)?;
                listener.set_nonblocking(true)?;
                thread::spawn(move || serve_connections(&listener, &stopped))
            }
            Transport::Udp => {
                let socket = inside(place, || Ok(UdpSocket::bind(address)?));
                let socket = socket.with_context(context)?;
                socket.set_read_timeout(Some(POLL))?;
                thread::spawn(move || serve_datagrams(&socket, &stopped))
            }
        };
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve_connections(listener: &TcpListener, stopped: &AtomicBool) {
    while !stopped.load(Ordering::Relaxed) {
        match listener.accept() {
            // A client that has gone by now breaks the connection: its own business.
            Ok((mut stream, source)) => {
                let _ = stream.write_all(source.ip().to_canonical().to_string().as_bytes());
            }
            Err(_) => thread::sleep(POLL),
        }
    }
}

fn serve_datagrams(socket: &UdpSocket, stopped: &AtomicBool) {
    let mut question = [0; 16];
    while !stopped.load(Ordering::Relaxed) {
        if let Ok((_, source)) = socket.recv_from(&mut question) {
            let answer = source.ip().to_canonical().to_string();
            let _ = socket.send_to(answer.as_bytes(), source);
        }
    }
}

/// Asks a [`Responder`] at this address and port; the source address that it sees. None when no answer comes within some
/// seconds.
///
/// # Errors
/// When a socket can't be opened, or something else answers.
pub fn source_seen(from: &dyn Place, transport: Transport, target: &str) -> Result<Option<IpAddr>> {
    ask(from, transport, target, PATIENCE)
}

/// Does nobody answer at this address and port?
///
/// # Errors
/// When a socket can't be opened.
pub fn is_silent(from: &dyn Place, transport: Transport, target: &str) -> Result<bool> {
    Ok(ask(from, transport, target, SILENCE)?.is_none())
}

fn ask(
    from: &dyn Place,
    transport: Transport,
    target: &str,
    patience: Duration,
) -> Result<Option<IpAddr>> {
    let address: SocketAddr = target.parse().with_context(|| target.to_owned())?;
    let answer = inside(from, || match transport {
        Transport::Tcp => Ok(ask_by_connection(address, patience)),
        Transport::Udp => ask_by_datagram(address, patience),
    })?;
    let Some(text) = answer else { return Ok(None) };
    text.parse().map(Some).with_context(|| text)
}

fn ask_by_connection(target: SocketAddr, patience: Duration) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&target, patience).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

fn ask_by_datagram(target: SocketAddr, patience: Duration) -> Result<Option<String>> {
    let any = if target.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(any)?;
    // An unconnected socket also takes an answer that comes from another address than it should.
    socket.connect(target)?;
    socket.set_read_timeout(Some(patience))?;
    let mut answer = [0; 64];
    let received = socket
        .send(b"whence?")
        .and_then(|_| socket.recv(&mut answer));
    match received {
        Ok(length) => {
            let bytes = answer.get(..length).unwrap_or_default();
            Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
        }
        Err(error) if is_no_answer(error.kind()) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is_no_answer(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock
            | ErrorKind::TimedOut
            | ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::PermissionDenied
    )
}
