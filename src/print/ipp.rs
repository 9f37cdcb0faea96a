//! Printers behind IPP, and CUPS: a job is one HTTP request. What IPP says is coded by the crate `ipp`; the exchange is
//! ours, bounded in time and in what is read of the answer.

use std::io::Cursor;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use ipp::attribute::{IppAttribute, IppAttributeGroup};
use ipp::model::DelimiterTag;
use ipp::operation::IppOperation;
use ipp::operation::builder::IppOperationBuilder;
use ipp::parser::IppParser;
use ipp::payload::IppPayload;
use ipp::request::IppRequestResponse;
use ipp::value::IppValue;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::link::{Broken, Fate};
use super::status::Answer;
use crate::domain::printing::Condition;

/// IPP's own port.
const PORT: u16 = 631;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an answer to a question may take.
const ANSWER: Duration = Duration::from_secs(5);

/// How long a printer may take to take a job.
const JOB: Duration = Duration::from_secs(120);

/// How long a job may be processed before its fate stays `sent`: an office printer warms up.
const CONFIRM: Duration = Duration::from_secs(20);

/// How often is asked meanwhile.
const CONFIRM_EVERY: Duration = Duration::from_millis(500);

/// Bytes of an answer: attributes of one printer have some ten thousand.
const ANSWER_MAX: usize = 256 * 1024;

/// `completed` of job-state (RFC 8011).
const COMPLETED: i32 = 9;
/// `canceled` and `aborted`.
const ENDED: [i32; 2] = [7, 8];
/// `stopped` of printer-state.
const STOPPED: i32 = 5;

/// Asks the printer how it is.
///
/// # Errors
/// It can't be reached, or answers something else.
pub(super) async fn ask(uri: &Uri) -> Result<Answer, String> {
    let question = IppOperationBuilder::get_printer_attributes(uri.clone())
        .attributes([IppAttribute::PRINTER_STATE, IppAttribute::PRINTER_STATE_REASONS]);
    let question = question.build().map_err(|error| error.to_string())?.into_ipp_request();
    let answer = call(uri, question.to_bytes(), ANSWER).await.map_err(|broken| broken.why)?;
    let attributes = group(&answer, DelimiterTag::PrinterAttributes)?;
    let state = number(attributes, IppAttribute::PRINTER_STATE).unwrap_or_default();
    let reasons = texts(attributes, IppAttribute::PRINTER_STATE_REASONS);
    let says = |word: &str| reasons.iter().any(|reason| reason.starts_with(word) && !reason.ends_with("-report"));
    let condition = match () {
        () if says("media-empty") || says("media-needed") => Condition::PaperOut,
        () if says("media-jam") => Condition::Jammed,
        () if says("cover-open") || says("door-open") || says("interlock-open") => Condition::HeadOpen,
        () if says("marker-supply-empty") || says("toner-empty") => Condition::RibbonOut,
        () if says("paused") || says("moving-to-paused") => Condition::Paused,
        () if state == STOPPED => Condition::Fault,
        () => Condition::Ready,
    };
    Ok(Answer { condition, is_busy: false })
}

/// Hands a job over; answers the printer's number of it, or why it will never take it.
pub(super) async fn send(uri: &Uri, name: &str, format: &str, bytes: &Bytes) -> Result<Result<i32, String>, Broken> {
    let unsent = |why: String| Broken { begun: false, why };
    let job = IppOperationBuilder::print_job(uri.clone(), IppPayload::empty())
        .user_name("waybind")
        .job_title(name)
        .document_format(format)
        // a code that is made smaller to fit may read no more; a printer that does not know the word passes over it
        .attributes(
            IppValue::new_keyword("none").ok().and_then(|word| IppAttribute::with_name("print-scaling", word).ok()),
        );
    let job = job.build().map_err(|error| unsent(error.to_string()))?.into_ipp_request();
    let mut body = job.to_bytes().to_vec();
    body.extend_from_slice(bytes);
    let answer = call(uri, body.into(), JOB).await?;
    let status = answer.header().operation_or_status;
    let said = format!("it answers {} ({status:#06x})", answer.header().status_code());
    match status >> 8 {
        0 => {}
        // the request is at fault, and would be the next time
        4 => return Ok(Err(said)),
        _ => return Err(unsent(said)),
    }
    let attributes = group(&answer, DelimiterTag::JobAttributes).map_err(|why| Broken { begun: true, why })?;
    let number = number(attributes, IppAttribute::JOB_ID);
    number.map(Ok).ok_or_else(|| Broken { begun: true, why: "its answer has no job-id".into() })
}

/// Waits a while for what becomes of a job; an error is the printer's word that it won't print it.
pub(super) async fn settle(uri: &Uri, job: i32) -> Result<Fate, String> {
    let until = Instant::now() + CONFIRM;
    while Instant::now() < until {
        match state_of(uri, job).await {
            Some(COMPLETED) => return Ok(Fate::Printed),
            Some(state) if ENDED.contains(&state) => return Err(format!("job-state {state}")),
            Some(_) => tokio::time::sleep(CONFIRM_EVERY).await,
            None => break,
        }
    }
    Ok(Fate::Taken)
}

async fn state_of(uri: &Uri, job: i32) -> Option<i32> {
    let question = IppOperationBuilder::get_job_attributes(uri.clone(), job).build().ok()?.into_ipp_request();
    let answer = call(uri, question.to_bytes(), ANSWER).await.ok()?;
    number(group(&answer, DelimiterTag::JobAttributes).ok()?, IppAttribute::JOB_STATE)
}

fn group(answer: &IppRequestResponse, tag: DelimiterTag) -> Result<&IppAttributeGroup, String> {
    let found = answer.attributes().first_of(tag);
    found.ok_or_else(|| format!("its answer says nothing ({})", answer.header().status_code()))
}

fn number(attributes: &IppAttributeGroup, name: &str) -> Option<i32> {
    match attributes.get(name)?.value() {
        IppValue::Integer(number) | IppValue::Enum(number) => Some(*number),
        _ => None,
    }
}

fn texts(attributes: &IppAttributeGroup, name: &str) -> Vec<String> {
    match attributes.get(name).map(IppAttribute::value) {
        Some(IppValue::Array(values)) => values.iter().map(ToString::to_string).collect(),
        Some(value) => vec![value.to_string()],
        None => Vec::new(),
    }
}

/// One exchange over a connection of its own.
async fn call(uri: &Uri, body: Bytes, patience: Duration) -> Result<IppRequestResponse, Broken> {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = uri.port_u16().unwrap_or(PORT);
    let unsent = |why: String| Broken { begun: false, why };
    let connect = timeout(CONNECT, TcpStream::connect((host.as_str(), port))).await;
    let connected = connect.map_err(|_| unsent(format!("no connection within {} s", CONNECT.as_secs())))?;
    let stream = connected.map_err(|error| unsent(error.to_string()))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| unsent(error.to_string()))?;
    // ends with the sender
    let driven = tokio::spawn(connection);
    let request = Request::post(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, format!("{host}:{port}"))
        .header(USER_AGENT, concat!("waybind/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/ipp")
        .body(Full::new(body))
        .map_err(|error| unsent(error.to_string()))?;
    let begun = |why: String| Broken { begun: true, why };
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| begun(error.to_string()))?;
        let status = response.status();
        let read = Limited::new(response.into_body(), ANSWER_MAX).collect().await;
        let bytes = read.map_err(|error| begun(error.to_string()))?.to_bytes();
        if !status.is_success() {
            // a server that failed may have taken the job before it did; one that says it is not there did not
            let may_have = status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE;
            return Err(Broken { begun: may_have, why: format!("HTTP {status}") });
        }
        let parsed = IppParser::new(Cursor::new(bytes)).parse();
        parsed.map_err(|error| begun(format!("its answer is no IPP: {error}")))
    };
    let exchanged = timeout(patience, exchange).await;
    driven.abort();
    exchanged.unwrap_or_else(|_| Err(begun(format!("no whole answer within {} s", patience.as_secs()))))
}
