//! The spool's other side: jobs come from the ledger, their bytes from the press, and each step is recorded.

use std::sync::{Arc, Mutex, OnceLock};

use hyper::body::Bytes;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::outside::Drawing;
use super::paper::{Desk, Paper};
use super::press::{Format, Press, PressError};
use super::{Core, held, outside, unreadable};
use crate::codec::{Compression, Proved, TsplSettings, ZplSettings, tspl, tspl_native, zpl, zpl_native};
use crate::config::{Commands, Config, Packing, PrinterLanguage, PrinterProfile};
use crate::domain::ids::{PrintJobId, PrinterId};
use crate::domain::printing::{JobState, MANIFEST_TEMPLATE, PrintJob, PrintTrouble, Printable, Step, advance};
use crate::label::{Resolution, Settings, Value};
use crate::ledger::Cause;
use crate::print::{Printer, Spool, Unavailable, Worker};
use crate::web::backend;

/// Jobs that a worker looks at: it takes one; those before it may be taken by another, or be nothing for it.
const LOOKED_AT: usize = 64;

/// Jobs that are settled at the start in one go; more are settled in the next.
const FOUND_MAX: usize = 200;

/// The press, made when the first label is: fonts are tens of megabytes.
pub(super) struct PressRoom {
    config: Config,
    press: Mutex<Option<Arc<Press>>>,
    /// Where labels are made for printers: one after another, and only when nothing else wants the processor.
    bench: OnceLock<Option<mpsc::Sender<Work>>>,
    /// Where labels from outside are drawn, in the same way: one takes up to ten seconds, and ours don't wait for it.
    easel: OnceLock<Option<mpsc::Sender<Work>>>,
}

type Work = Box<dyn FnOnce() + Send>;

/// Labels that may wait to be made; each printer has one at a time.
const WORK_MAX: usize = 64;

/// How far labels stand back behind scans: a label may take a tenth of a second more, a scan may not.
const NICE: i32 = 10;

impl PressRoom {
    pub(super) fn new(config: &Config) -> PressRoom {
        PressRoom { config: config.clone(), press: Mutex::default(), bench: OnceLock::new(), easel: OnceLock::new() }
    }

    /// Runs something on the bench.
    pub(super) async fn at_bench<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        at(&self.bench, work).await
    }

    /// Runs something on the easel.
    pub(super) async fn at_easel<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        at(&self.easel, work).await
    }

    /// The press; it takes tens of milliseconds the first time. One that could not be made is tried again: a font may have
    /// been installed meanwhile.
    pub(super) fn press(&self) -> Result<Arc<Press>, String> {
        let mut known = held(&self.press);
        if let Some(press) = &*known {
            return Ok(press.clone());
        }
        let (press, errors) = Press::new(&self.config).map_err(|error| error.to_string())?;
        errors.iter().for_each(|error| tracing::error!(%error, "A template can't be used."));
        Ok(known.insert(Arc::new(press)).clone())
    }

    /// A proved label.
    pub(super) fn prove(
        &self,
        template: &str,
        record: &Value,
        settings: &Settings,
        dpi: u32,
    ) -> Result<Proved, String> {
        let press = self.press()?;
        let resolution = Resolution::from_dpi(dpi).unwrap_or(Resolution::DPI_203);
        let told = |error: PressError| error.lines().join("; ");
        let template = press.template(template).map_err(told)?;
        press.prove(template, record, settings, resolution).map_err(told)
    }

    fn pdf(&self, proved: &Proved) -> Result<Vec<u8>, String> {
        let written = self.press()?.write(proved, Format::Pdf).map_err(|error| error.lines().join("; "))?;
        Ok(written.into_iter().next().unwrap_or_default())
    }

    /// A proved label in a printer's language.
    fn job(&self, proved: &Proved, job: &PrintJob, printer: &Printer) -> Result<Vec<u8>, String> {
        let profile = &printer.profile;
        Ok(match (profile.language, profile.commands) {
            (PrinterLanguage::Pdf, _) => self.pdf(proved)?,
            (PrinterLanguage::Zpl, Commands::Bitmap) => zpl(proved, zpl_settings(job, profile)),
            (PrinterLanguage::Zpl, Commands::Native) => {
                zpl_native(proved, self.press()?.fonts(), zpl_settings(job, profile))
            }
            (PrinterLanguage::Tspl, Commands::Bitmap) => tspl(proved, tspl_settings(profile)),
            (PrinterLanguage::Tspl, Commands::Native) => {
                tspl_native(proved, self.press()?.fonts(), &profile.text_fonts, tspl_settings(profile))
            }
        })
    }
}

/// How a ZPL printer wants a job.
pub(super) fn zpl_settings(job: &PrintJob, profile: &PrinterProfile) -> ZplSettings {
    let compression = match profile.compression {
        Packing::Deflate => Compression::Deflate,
        Packing::RunLength => Compression::RunLength,
    };
    ZplSettings {
        compression,
        band: profile.band_bytes,
        turned: profile.direction == 0,
        feed_permille: profile.feed_permille(),
        job: Some(job.number),
        ..ZplSettings::default()
    }
}

/// How a TSPL printer wants a job.
pub(super) fn tspl_settings(profile: &PrinterProfile) -> TsplSettings {
    TsplSettings {
        gap_mm: profile.gap_mm,
        direction: profile.direction,
        mode: profile.bitmap_mode,
        inverted: profile.inverted,
        feed_permille: profile.feed_permille(),
        ..TsplSettings::default()
    }
}

/// Runs something on a bench, which is there from the first time on.
async fn at<T: Send + 'static>(
    bench: &OnceLock<Option<mpsc::Sender<Work>>>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (reply, answer) = oneshot::channel();
    let bench = bench.get_or_init(self::bench).as_ref().ok_or("no label can be made: there is no thread for it")?;
    // whoever asked may have gone
    let work: Work = Box::new(move || drop(reply.send(work())));
    bench.send(work).await.map_err(|error| error.to_string())?;
    answer.await.map_err(|_| "waybind failed while it made the label".to_owned())
}

/// Starts the thread that makes labels; it ends with the last sender.
fn bench() -> Option<mpsc::Sender<Work>> {
    let (sender, mut works) = mpsc::channel::<Work>(WORK_MAX);
    let run = move || {
        if let Err(error) = rustix::process::nice(NICE) {
            tracing::debug!(%error, "Labels are made as urgently as scans.");
        }
        while let Some(work) = works.blocking_recv() {
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
                tracing::error!("waybind failed while it made a label.");
            }
        }
    };
    match std::thread::Builder::new().name("press".into()).spawn(run) {
        Ok(_) => Some(sender),
        Err(error) => {
            tracing::error!(%error, "There is no thread for labels.");
            None
        }
    }
}

impl Core {
    /// Settles what a crash left behind, before anybody is answered where the ledger can be written, then starts a worker
    /// for each printer.
    pub(super) async fn start_printers(&self, tasks: &mut JoinSet<()>) {
        while matches!(self.found_interrupted().await, Ok(true)) {}
        let core = self.clone();
        tasks.spawn(async move {
            let mut stop = core.stopped();
            let settled = tokio::select! {
                () = core.settle_interrupted() => true,
                _ = stop.wait_for(|stop| *stop) => false,
            };
            if !settled {
                return;
            }
            let mut workers = JoinSet::new();
            for printer in core.parts.board.printers().to_vec() {
                workers.spawn(Worker::new(printer, core.parts.board.clone(), core.clone()).run());
            }
            while workers.join_next().await.is_some() {}
        });
    }

    /// A job that was being sent when waybind stopped may lie there or not: only a person knows. One whose printer is
    /// configured no more can't be printed.
    async fn settle_interrupted(&self) {
        let mut health = self.health_changes();
        loop {
            health.mark_unchanged();
            match self.found_interrupted().await {
                Ok(false) => return,
                Ok(true) => {}
                Err(error) => {
                    tracing::warn!(%error, "What became of print jobs before the start can't be recorded yet.");
                    if health.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Settles some of them; whether there were any.
    async fn found_interrupted(&self) -> Result<bool, Unavailable> {
        let mut found = Vec::new();
        let read = |error: backend::Unavailable| Unavailable(error.0);
        for job in self.read(|reader| reader.prints_in(Some("sending"), FOUND_MAX)).await.map_err(read)? {
            found.push((job.id, Step::Unknown(PrintTrouble::Interrupted)));
        }
        let known = |name: &str| self.parts.board.printers().iter().any(|printer| printer.id.as_str() == name);
        for (name, _) in self.read(crate::ledger::Reader::print_queues).await.map_err(read)? {
            if !known(&name) {
                let jobs = self.read(move |reader| reader.prints_waiting(&name, FOUND_MAX)).await.map_err(read)?;
                let waiting = jobs.into_iter().filter(|job| job.state == JobState::Queued);
                found.extend(waiting.map(|job| (job.id, Step::Failed(PrintTrouble::NoPrinter))));
            }
        }
        let any = !found.is_empty();
        for (id, step) in found {
            self.record(&id, vec![step]).await?;
        }
        Ok(any)
    }

    /// How something is set. What a warehouse hides on its own slips it does not hide on a carrier's waybill.
    pub(super) fn label_settings(&self, is_slip: bool) -> Settings {
        let mask = if is_slip { self.parts.press.config.labels.mask.clone() } else { Vec::new() };
        Settings { language: self.parts.language, mask, today: self.parts.clock.now().today }
    }

    /// A job's bytes, or the label from outside that must be drawn for them; it takes tens of milliseconds.
    fn make(&self, job: &PrintJob, printer: &Printer) -> Result<Made, PrintTrouble> {
        let clock = self.parts.clock.clone();
        let written = move |at: Timestamp| clock.written(at);
        let now = self.parts.clock.now().at.wall;
        let desk = Desk { key: &self.parts.site.key, sender: &self.parts.sender, written: &written, now };
        let looked = self.parts.reader.look(|transaction| desk.paper(transaction.view(), job, printer));
        let paper = looked.map_err(|error| PrintTrouble::Label(unreadable(error).0))??;
        match paper {
            Paper::Own { number, label } => outside::made(self, number, &label, job, printer),
            Paper::Record(record) => {
                let press = &self.parts.press;
                let settings = self.label_settings(matches!(job.what, Printable::Label { .. }));
                let proved = press.prove(&job.template, &record, &settings, printer.profile.dpi);
                let made = proved.and_then(|proved| press.job(&proved, job, printer));
                made.map(Made::Job).map_err(PrintTrouble::Label)
            }
        }
    }

    /// A manifest as PDF.
    pub(super) async fn manifest_paper(
        &self,
        id: String,
    ) -> Result<Option<Result<Vec<u8>, String>>, backend::Unavailable> {
        let core = self.clone();
        let made = self.parts.press.at_bench(move || {
            let clock = core.parts.clock.clone();
            let written = move |at: Timestamp| clock.written(at);
            let now = core.parts.clock.now().at.wall;
            let desk = Desk { key: &core.parts.site.key, sender: &core.parts.sender, written: &written, now };
            let record = core.parts.reader.look(|transaction| {
                let view = transaction.view();
                view.manifest(&id).map(|manifest| desk.manifest(view, &manifest))
            })?;
            let press = &core.parts.press;
            let dpi = Resolution::DPI_203.dpi();
            Ok(record.map(|record| {
                let proved = press.prove(MANIFEST_TEMPLATE, &record, &core.label_settings(false), dpi);
                proved.and_then(|proved| press.pdf(&proved))
            }))
        });
        made.await.map_err(backend::Unavailable)?.map_err(unreadable)
    }
}

/// What a job became.
pub(super) enum Made {
    /// Its bytes.
    Job(Vec<u8>),
    /// A label from outside, and how it is drawn.
    Drawing(Box<Drawing>),
}

impl Spool for Core {
    async fn waiting(&self, printer: &PrinterId) -> Result<Vec<PrintJob>, Unavailable> {
        let name = printer.to_string();
        let read = self.read(move |reader| reader.prints_waiting(&name, LOOKED_AT)).await;
        read.map_err(|error| Unavailable(error.0))
    }

    async fn render(&self, job: &PrintJob, printer: &Printer) -> Result<Bytes, PrintTrouble> {
        let (core, job, printer) = (self.clone(), job.clone(), printer.clone());
        let made = self.parts.press.at_bench(move || core.make(&job, &printer)).await;
        let bytes = match made.map_err(PrintTrouble::Label)?? {
            Made::Job(bytes) => bytes,
            Made::Drawing(drawing) => {
                let drawn = self.parts.press.at_easel(move || drawing.job()).await;
                drawn.and_then(|drawn| drawn).map_err(PrintTrouble::Label)?
            }
        };
        Ok(bytes.into())
    }

    async fn record(&self, job: &PrintJobId, steps: Vec<Step>) -> Result<bool, Unavailable> {
        let (now, job) = (self.parts.clock.now(), job.clone());
        let recorded = self.parts.writer.submit(move |transaction| {
            let mut taken = 0_usize;
            let mut as_wanted = true;
            for step in steps {
                let wanted = step.name();
                let Some(event) = advance(transaction.view(), &job, step, now.at) else { break };
                as_wanted &= event.name() == wanted;
                transaction.append(now.at, Cause::Local { what: "spool".into() }, None, vec![event]);
                taken += 1;
            }
            let station = transaction.view().print_job(job.as_str()).and_then(|job| job.station.clone());
            (taken > 0, as_wanted, station)
        });
        let (recorded, as_wanted, station) = recorded.await.map_err(|error| Unavailable(error.to_string()))?;
        if recorded {
            self.feed_moved();
        }
        if let Some(station) = station.filter(|_| recorded) {
            self.announce(&station);
        }
        Ok(recorded && as_wanted)
    }

    fn moved(&self) -> watch::Receiver<u64> {
        self.parts.prints.subscribe()
    }

    fn stopping(&self) -> watch::Receiver<bool> {
        self.stopped()
    }

    fn changed(&self) {
        for rules in self.parts.stations.iter() {
            self.announce(&rules.id);
        }
    }
}
