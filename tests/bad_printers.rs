//! Printers that close in the middle, take no bytes, or answer nonsense: none holds its worker, and nothing comes out
//! twice. The spool here is a state in memory, the sockets are real.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use waybind::config::Profiles;
use waybind::domain::apply;
use waybind::domain::clock::Moment;
use waybind::domain::event::Event;
use waybind::domain::ids::{ManifestId, PrintJobId, PrinterId};
use waybind::domain::memory::Memory;
use waybind::domain::printing::{JobState, PrintJob, PrintTrouble, Printable, Step, advance};
use waybind::domain::view::View;
use waybind::print::{Board, Patience, Place, Printer, Spool, Unavailable, Worker};

/// A completion deadline: far more than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Short, so that the test is; each is many times what a loopback takes.
fn patience() -> Patience {
    Patience {
        connect: Duration::from_secs(5),
        answer: Duration::from_millis(400),
        stall: Duration::from_millis(700),
        job: Duration::from_secs(3),
        close: Duration::from_millis(300),
        confirm: Duration::from_millis(500),
        look: Duration::from_millis(300),
    }
}

fn moment() -> Moment {
    Moment { wall: "2026-11-22T09:00:00Z".parse().unwrap(), boot_ms: 1, boot: 1 }
}

/// Jobs in memory; a job's bytes are its number between the signs of a label.
#[derive(Clone)]
struct Heap {
    state: Arc<Mutex<Memory>>,
    length: usize,
    /// A printer for which nothing can be made.
    unable: Option<&'static str>,
    moved: watch::Sender<u64>,
    stop: watch::Sender<bool>,
}

impl Heap {
    fn new(length: usize) -> Heap {
        let (moved, stop) = (watch::Sender::new(0), watch::Sender::new(false));
        Heap { state: Arc::default(), length, unable: None, moved, stop }
    }

    fn ask(&self, number: u32, printer: &str) {
        let job = PrintJob {
            id: PrintJobId::new(&format!("J{number}")).unwrap(),
            number,
            what: Printable::Manifest { manifest: ManifestId::new(&format!("M{number}")).unwrap() },
            template: "manifest-a4".into(),
            printer: PrinterId::new(printer).unwrap(),
            station: None,
            order: None,
            copy: 1,
            reason: None,
            by: None,
            at: moment(),
            state: JobState::Queued,
            history: Vec::new(),
        };
        apply(&Event::PrintRequested { job: Box::new(job) }, &mut *self.state.lock().unwrap()).unwrap();
        self.moved.send_modify(|count| *count += 1);
    }

    fn state_of(&self, number: u32) -> JobState {
        self.state.lock().unwrap().print_job(&format!("J{number}")).unwrap().state.clone()
    }

    fn settled(&self, number: u32) -> JobState {
        let until = Instant::now() + DEADLINE;
        loop {
            let state = self.state_of(number);
            if !matches!(state, JobState::Queued | JobState::Sending) {
                return state;
            }
            assert!(Instant::now() < until, "job {number} is still {}", state.name());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Spool for Heap {
    async fn waiting(&self, printer: &PrinterId) -> Result<Vec<PrintJob>, Unavailable> {
        let state = self.state.lock().unwrap();
        let waits = |job: &&Arc<PrintJob>| job.printer == *printer && job.state == JobState::Queued;
        let mut jobs: Vec<PrintJob> = state.print_jobs.values().filter(waits).map(|job| (**job).clone()).collect();
        jobs.sort_by_key(|job| job.number);
        Ok(jobs)
    }

    async fn render(&self, job: &PrintJob, printer: &Printer) -> Result<Bytes, PrintTrouble> {
        if self.unable == Some(printer.id.as_str()) {
            return Err(PrintTrouble::Label("its codes are too fine".into()));
        }
        let mut bytes = format!("^XA^FX{}^FS", job.number).into_bytes();
        bytes.resize(self.length - 3, b'0');
        bytes.extend_from_slice(b"^XZ");
        Ok(bytes.into())
    }

    async fn record(&self, job: &PrintJobId, steps: Vec<Step>) -> Result<bool, Unavailable> {
        let mut state = self.state.lock().unwrap();
        let mut taken = false;
        for step in steps {
            let Some(event) = advance(&*state, job, step, moment()) else { break };
            apply(&event, &mut *state).unwrap();
            taken = true;
        }
        Ok(taken)
    }

    fn moved(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    fn changed(&self) {}
}

fn printer(name: &str, profile: &str, address: SocketAddr) -> Printer {
    let (profiles, _) = Profiles::with_folder(None);
    Printer {
        id: PrinterId::new(name).unwrap(),
        place: Place::Network(address.to_string()),
        kind: profile.into(),
        profile: profiles.get(profile).unwrap().clone(),
        fallback: None,
        templates: vec!["manifest-a4".into()],
        paper_mm: None,
    }
}

/// Workers of these printers.
fn work(heap: &Heap, printers: Vec<Printer>) -> (Runtime, Board) {
    let runtime = Runtime::new().unwrap();
    let board = Board::new(printers);
    for printer in board.printers() {
        runtime.spawn(Worker::new(printer.clone(), board.clone(), heap.clone()).with_patience(patience()).run());
    }
    (runtime, board)
}

/// A peer on a socket that treats each connection as it is told, and counts the whole labels that came.
struct Peer {
    address: SocketAddr,
    labels: Arc<AtomicUsize>,
    good: Arc<AtomicBool>,
}

/// What a peer does with a connection; what it read is counted.
type Manner = Arc<dyn Fn(&mut TcpStream, &mut Vec<u8>) + Send + Sync>;

impl Peer {
    fn start(manner: Manner) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (labels, good) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let peer = Peer { address, labels: labels.clone(), good: good.clone() };
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (manner, labels, good) = (manner.clone(), labels.clone(), good.clone());
                std::thread::spawn(move || {
                    let mut read = Vec::new();
                    if good.load(Ordering::Relaxed) {
                        // all of it; an error ends it, too
                        drop(stream.read_to_end(&mut read));
                    } else {
                        manner(&mut stream, &mut read);
                    }
                    labels.fetch_add(read.windows(3).filter(|three| three == b"^XZ").count(), Ordering::Relaxed);
                });
            }
        });
        peer
    }

    fn labels(&self) -> usize {
        self.labels.load(Ordering::Relaxed)
    }

    /// Waits for labels that are on their way, and a moment for those that are not wanted.
    fn labels_at_the_end(&self, wanted: usize) -> usize {
        let until = Instant::now() + DEADLINE;
        while self.labels() < wanted && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(200));
        self.labels()
    }
}

fn read_until(stream: &mut TcpStream, read: &mut Vec<u8>, length: usize) {
    let mut buffer = vec![0; 4_096];
    while read.len() < length {
        let room = buffer.len().min(length - read.len());
        match stream.read(&mut buffer[..room]) {
            Ok(0) | Err(_) => return,
            Ok(count) => read.extend_from_slice(&buffer[..count]),
        }
    }
}

#[test]
fn what_closes_in_the_middle_asks_and_is_not_sent_again() {
    const LENGTH: usize = 60_000;
    for after in [0, 1, 500, 30_000, LENGTH - 1] {
        let heap = Heap::new(LENGTH);
        let peer = Peer::start(Arc::new(move |stream, read| read_until(stream, read, after)));
        let (runtime, _) = work(&heap, vec![printer("P1", "zpl-clone-203", peer.address)]);
        heap.ask(1, "P1");
        let state = heap.settled(1);
        assert!(matches!(state, JobState::Unknown(_)), "closed after {after}: {state:?}");
        peer.good.store(true, Ordering::Relaxed);
        heap.ask(2, "P1");
        assert_eq!(heap.settled(2), JobState::Sent, "closed after {after}: the next one goes out");
        assert_eq!(peer.labels_at_the_end(1), 1, "closed after {after}: and only that");
        assert!(matches!(heap.state_of(1), JobState::Unknown(_)));
        runtime.shutdown_background();
    }
}

#[test]
fn what_lies_in_this_machine_still_has_not_gone_out() {
    // most of it fits between the two, and nobody reads it
    let heap = Heap::new(600_000);
    let peer = Peer::start(Arc::new(|stream, _| {
        std::thread::sleep(Duration::from_secs(4));
        drop(stream.shutdown(std::net::Shutdown::Both));
    }));
    let (runtime, _) = work(&heap, vec![printer("P1", "zpl-clone-203", peer.address)]);
    heap.ask(1, "P1");
    let state = heap.settled(1);
    assert!(matches!(state, JobState::Unknown(_)), "{state:?}");
    runtime.shutdown_background();
}

#[test]
fn a_printer_that_takes_no_bytes_or_one_a_second_is_given_up() {
    // more than the buffers between the two hold
    const LENGTH: usize = 24 * 1024 * 1024;
    let never: Manner = Arc::new(|_, _| std::thread::sleep(Duration::from_secs(5)));
    let slow: Manner = Arc::new(|stream, read| {
        let mut byte = [0];
        for _ in 0..5 {
            std::thread::sleep(Duration::from_secs(1));
            if !matches!(stream.read(&mut byte), Ok(1)) {
                return;
            }
            read.push(byte[0]);
        }
    });
    for (manner, profile) in
        [(never.clone(), "zpl-203"), (never, "tspl-203"), (slow.clone(), "zpl-clone-203"), (slow, "zpl-203")]
    {
        let heap = Heap::new(LENGTH);
        let peer = Peer::start(manner);
        let (runtime, board) = work(&heap, vec![printer("P1", profile, peer.address)]);
        heap.ask(1, "P1");
        let state = heap.settled(1);
        assert!(matches!(state, JobState::Unknown(_)), "{profile}: {state:?}");
        assert!(board.state(&PrinterId::new("P1").unwrap()).blocked_since.is_some());
        peer.good.store(true, Ordering::Relaxed);
        heap.ask(2, "P1");
        assert_eq!(heap.settled(2), JobState::Sent, "{profile}");
        assert_eq!(peer.labels_at_the_end(1), 1, "{profile}");
        runtime.shutdown_background();
    }
}

/// Reads what comes and answers each question with these bytes.
fn answering(answer: &'static [u8], pause: Option<Duration>) -> Manner {
    Arc::new(move |stream, read| {
        let (mut buffer, mut answered) = (vec![0; 4_096], 0);
        loop {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(count) => read.extend_from_slice(&buffer[..count]),
            }
            let asked = read.windows(3).filter(|three| three == b"~HS" || three == b"\x1b!?").count();
            while answered < asked {
                answered += 1;
                for part in answer.chunks(if pause.is_some() { 1 } else { answer.len().max(1) }) {
                    if stream.write_all(part).is_err() {
                        return;
                    }
                    pause.into_iter().for_each(std::thread::sleep);
                }
            }
        }
    })
}

#[test]
fn whatever_a_printer_answers_its_job_comes_out_once() {
    const WHOLE: &[u8] =
        b"\x02030,0,0,1245,000,0,0,0,000,0,0,0\x03\r\n\x02000,0,0,0,0,2,4,0,00000000,1,000\x03\r\n\x021234,0\x03\r\n";
    let answers: [(&str, &'static [u8], Option<Duration>); 9] = [
        ("nothing", b"", None),
        ("a page of the web", b"HTTP/1.1 400 Bad Request\r\n\r\n", None),
        ("zeros", &[0; 700], None),
        ("empty lines", b"\x02\x03\x02\x03\x02\x03", None),
        ("half a line", b"\x02030,0,0,12", None),
        (
            "letters for numbers",
            b"\x02030,0,0,1245,abc,0,0,0,000,0,0,0\x03\x02000,0,0,0,0,2,4,0,zz,1,0\x03\x02x\x03",
            None,
        ),
        ("no text", &[0x02, 0xff, 0xfe, 0x03, 0x02, 0x80, 0x03, 0x02, 0x03], None),
        ("a byte at a time", WHOLE, Some(Duration::from_millis(2))),
        ("a byte at a time, too slowly", WHOLE, Some(Duration::from_millis(50))),
    ];
    for profile in ["zpl-203", "tspl-203"] {
        // one byte is a whole answer in TSPL, and believed: what comes later is too late
        for (name, answer, pause) in answers.iter().copied().filter(|answer| profile == "zpl-203" || answer.2.is_none())
        {
            let heap = Heap::new(60_000);
            let peer = Peer::start(answering(answer, pause));
            let (runtime, _) = work(&heap, vec![printer("P1", profile, peer.address)]);
            heap.ask(1, "P1");
            heap.ask(2, "P1");
            for job in [1, 2] {
                let state = heap.settled(job);
                assert!(matches!(state, JobState::Sent | JobState::Printed), "{profile}, {name}: {state:?}");
            }
            assert_eq!(peer.labels_at_the_end(2), 2, "{profile}, {name}");
            runtime.shutdown_background();
        }
    }
}

#[test]
fn a_printer_that_never_stops_talking_is_not_listened_to_for_ever() {
    let flood: Manner = Arc::new(|stream, read| {
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut buffer = vec![0; 4_096];
        let until = Instant::now() + Duration::from_secs(4);
        let mut talking = stream.try_clone().unwrap();
        std::thread::spawn(move || while Instant::now() < until && talking.write_all(&[b'x'; 1_000]).is_ok() {});
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => read.extend_from_slice(&buffer[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return,
            }
        }
    });
    let heap = Heap::new(60_000);
    let peer = Peer::start(flood);
    let (runtime, _) = work(&heap, vec![printer("P1", "zpl-203", peer.address)]);
    heap.ask(1, "P1");
    // it may hang up on us for not listening: then it is not known
    let state = heap.settled(1);
    assert!(matches!(state, JobState::Sent | JobState::Unknown(_)), "{state:?}");
    assert!(peer.labels_at_the_end(1) <= 1);
    runtime.shutdown_background();
}

#[test]
fn what_a_second_printer_cannot_make_waits_for_the_first() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let away = nobody.local_addr().unwrap();
    drop(nobody);
    let heap = Heap { unable: Some("P2"), ..Heap::new(1_000) };
    let peer = Peer::start(answering(b"", None));
    let first = Printer { fallback: Some(PrinterId::new("P2").unwrap()), ..printer("P1", "zpl-clone-203", away) };
    let (runtime, board) = work(&heap, vec![first, printer("P2", "zpl-clone-203", peer.address)]);
    heap.ask(1, "P1");
    let until = Instant::now() + DEADLINE;
    while board.state(&PrinterId::new("P1").unwrap()).failures < 3 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(heap.state_of(1), JobState::Queued, "the second one's trouble is not the job's");
    let listener = TcpListener::bind(away).unwrap();
    let reading = std::thread::spawn(move || {
        let mut read = Vec::new();
        while read.is_empty() {
            listener.accept().unwrap().0.read_to_end(&mut read).unwrap();
        }
        read
    });
    assert_eq!(heap.settled(1), JobState::Sent);
    assert!(reading.join().unwrap().ends_with(b"^XZ"));
    assert_eq!(peer.labels(), 0);
    runtime.shutdown_background();
}

#[test]
fn a_silent_printer_is_seen_to_be_back() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let away = nobody.local_addr().unwrap();
    drop(nobody);
    let heap = Heap::new(1_000);
    let (runtime, board) = work(&heap, vec![printer("P1", "zpl-clone-203", away)]);
    let id = PrinterId::new("P1").unwrap();
    let until = |is_blocked: bool| {
        let deadline = Instant::now() + DEADLINE;
        while board.state(&id).condition.blocks() != is_blocked {
            assert!(Instant::now() < deadline, "it is still {:?}", board.state(&id).condition);
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    heap.ask(1, "P1");
    until(true);
    let job = PrintJobId::new("J1").unwrap();
    let given_up = Event::PrintResolved {
        job,
        order: None,
        how: waybind::domain::printing::Resolution::Dropped,
        by: None,
        printer: None,
        copy: None,
        at: Some(moment()),
    };
    apply(&given_up, &mut *heap.state.lock().unwrap()).unwrap();
    let _listener = TcpListener::bind(away).unwrap();
    until(false);
    runtime.shutdown_background();
}
