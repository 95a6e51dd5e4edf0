use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use crate::Place;
use crate::place::inside;

const PATIENCE: Duration = Duration::from_secs(20);
const CHUNK: [u8; 16 * 1024] = [0; 16 * 1024];

/// A transfer over TCP whose rate is measured at the receiver.
#[derive(Debug, Clone, Copy)]
pub struct Transfer<'a> {
    /// The receiver's address and port, as the sender knows them.
    pub target: &'a str,
    /// In bytes, the part that is measured.
    pub measured: usize,
    /// In bytes, what passes before measuring begins: a token bucket lets a burst pass at any rate.
    pub discounted: usize,
}

impl Transfer<'_> {
    /// Carries the bytes; payload in bits per second, from the first measured byte to the last.
    ///
    /// # Errors
    /// When no connection comes about or it breaks.
    pub fn rate(&self, sender: &dyn Place, receiver: &dyn Place) -> Result<f64> {
        let target: SocketAddr = self.target.parse()?;
        let listener = inside(receiver, || Ok(TcpListener::bind(("::", target.port()))?))?;
        thread::scope(|scope| {
            let receiving = scope.spawn(|| self.receive(&listener));
            inside(sender, || self.send(target))?;
            receiving
                .join()
                .map_err(|_| anyhow!("the receiver panicked"))?
        })
    }

    fn total(&self) -> usize {
        self.discounted + self.measured
    }

    fn send(&self, target: SocketAddr) -> Result<()> {
        let mut stream = TcpStream::connect_timeout(&target, PATIENCE).context(target)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut left = self.total();
        while left > 0 {
            let chunk = CHUNK.get(..left).unwrap_or(&CHUNK);
            stream.write_all(chunk)?;
            left -= chunk.len();
        }
        Ok(())
    }

    fn receive(&self, listener: &TcpListener) -> Result<f64> {
        listener.set_nonblocking(true)?;
        let start = Instant::now();
        let mut stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
            ensure!(start.elapsed() < PATIENCE, "no connection");
        };
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut buffer = CHUNK;
        let (mut received, mut begin) = (0, None);
        while received < self.total() {
            let length = stream.read(&mut buffer)?;
            ensure!(length > 0, "the sender has gone after {received} bytes");
            received += length;
            if begin.is_none() && received >= self.discounted {
                begin = Some((Instant::now(), received));
            }
        }
        let (since, before) = begin.context("nothing was measured")?;
        let bits = u32::try_from((received - before) * 8)?;
        Ok(f64::from(bits) / since.elapsed().as_secs_f64())
    }
}
