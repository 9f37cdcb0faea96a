//! How fast a target takes what waited for it: a webhook against bare posts of the same bytes, a file against bare synced
//! writes of the same bytes.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use super::service::Service;
use super::{Failure, failed, say};
use crate::sim::receiver::Receiver;

/// Events that wait.
const EVENTS: usize = 50_000;

/// How long a drain may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often the service is asked how far it is: rarely, because each answer costs it time that the drain wants.
const LOOK: Duration = Duration::from_millis(20);

/// Bytes of one synced write to the bare file: what a delivery has.
const PIECE: usize = 256 * 1024;

pub(super) fn measure(folder: &Path) -> Result<(), Failure> {
    let before = Service::start(folder, "")?;
    before.seed(EVENTS)?;
    drop(before);
    webhook(folder)?;
    file(folder)
}

fn webhook(folder: &Path) -> Result<(), Failure> {
    let receiver = Receiver::start("127.0.0.1:0", false).map_err(failed)?;
    let url = format!("http://{}/events", receiver.address);
    let target = format!("[[target]]\nname = \"bench\"\nkind = \"webhook\"\nurl = \"{url}\"\nsecret = \"bench\"\n");
    let service = Service::start(folder, &target)?;
    drained(&service)?;
    let (_, events) = service.target()?;
    let traffic = receiver.traffic();
    let took = traffic.first.zip(traffic.last).map_or(Duration::ZERO, |(first, last)| last - first);
    drop(service);

    let bare = bare(receiver.address, traffic.requests, traffic.bytes / traffic.requests.max(1)).map_err(failed)?;
    let rate = events as f64 / took.as_secs_f64();
    say(&format!(
        "a webhook drained {events} events in {} requests at {rate:.0} events/s (at least 20,000); bare loopback posts of the same bytes: {:.0} events/s; ratio {:.2}",
        traffic.requests,
        events as f64 / bare.as_secs_f64(),
        bare.as_secs_f64() / took.as_secs_f64()
    ))
}

fn file(folder: &Path) -> Result<(), Failure> {
    let path = folder.join("events.jsonl");
    let target = format!("[[target]]\nname = \"lines\"\nkind = \"file\"\npath = {path:?}\nfile_mb = 10000\n");
    let service = Service::start(folder, &target)?;
    let (events, took) = drained(&service)?;
    drop(service);

    let bytes = path.metadata().map_err(failed)?.len() as usize;
    let piece = vec![b'x'; PIECE];
    let mut bare = File::create(folder.join("bare.jsonl")).map_err(failed)?;
    let start = Instant::now();
    for _ in 0..bytes.div_ceil(PIECE) {
        bare.write_all(&piece).and_then(|()| bare.sync_data()).map_err(failed)?;
    }
    let bare = start.elapsed();
    say(&format!(
        "a file drained {events} events of {} KiB at {:.0} events/s (at least 20,000); bare synced writes of the same bytes: {:.0} events/s; ratio {:.2}",
        bytes / 1024,
        events as f64 / took.as_secs_f64(),
        events as f64 / bare.as_secs_f64(),
        bare.as_secs_f64() / took.as_secs_f64()
    ))
}

/// Waits until nothing waits any more; answers the events that were taken since the service was first asked, and how long
/// that took.
fn drained(service: &Service) -> Result<(u64, Duration), Failure> {
    let begin = Instant::now();
    let (_, before) = service.target()?;
    loop {
        let (depth, delivered) = service.target()?;
        if depth == 0 {
            return Ok((delivered - before, begin.elapsed()));
        }
        if begin.elapsed() > PATIENCE {
            return Err(Failure::Failed(format!("{depth} events still wait after {} s", PATIENCE.as_secs())));
        }
        std::thread::sleep(LOOK);
    }
}

/// The same bytes in as many requests over one connection, with nothing else to do.
fn bare(address: SocketAddr, requests: usize, bytes: usize) -> std::io::Result<Duration> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let body = vec![b'x'; bytes];
    let head = format!("POST /bare HTTP/1.1\r\nhost: x\r\ncontent-length: {bytes}\r\n\r\n");
    let mut answer = [0; 1_024];
    let start = Instant::now();
    for _ in 0..requests {
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body)?;
        // the receiver's answer is one small write
        if stream.read(&mut answer)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(start.elapsed())
}
