//! Opening what a scanner hangs on.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_serial::{SerialPort, SerialPortBuilderExt};

use super::Connection;
use crate::protocol::{Flow, Parity, SerialSettings};

/// Something that can be read and written.
pub(super) trait Port: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Port for T {}

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

/// An open port.
pub(super) type OpenPort = Pin<Box<dyn Port>>;

/// Opens a connection; a listener is kept by the caller between two calls.
pub(super) async fn open(connection: &Connection, listener: &mut Option<TcpListener>) -> io::Result<OpenPort> {
    match connection {
        Connection::Serial(path, settings) => open_serial(path, *settings),
        Connection::TcpClient(address) => {
            let stream = tokio::time::timeout(CONNECT, TcpStream::connect(address))
                .await
                .map_err(|_| io::ErrorKind::TimedOut)??;
            stream.set_nodelay(true)?;
            Ok(Box::pin(stream))
        }
        Connection::TcpListener(address) => {
            let bound = match listener.take() {
                Some(bound) => bound,
                None => TcpListener::bind(address).await?,
            };
            let accepted = bound.accept().await;
            *listener = Some(bound);
            let (stream, _) = accepted?;
            stream.set_nodelay(true)?;
            Ok(Box::pin(stream))
        }
    }
}

fn open_serial(path: &Path, settings: SerialSettings) -> io::Result<OpenPort> {
    let builder = tokio_serial::new(path.to_string_lossy(), settings.baud)
        .data_bits(if settings.data_bits == 7 { tokio_serial::DataBits::Seven } else { tokio_serial::DataBits::Eight })
        .stop_bits(if settings.stop_bits == 2 { tokio_serial::StopBits::Two } else { tokio_serial::StopBits::One })
        .parity(match settings.parity {
            Parity::None => tokio_serial::Parity::None,
            Parity::Even => tokio_serial::Parity::Even,
            Parity::Odd => tokio_serial::Parity::Odd,
        })
        .flow_control(match settings.flow {
            Flow::None => tokio_serial::FlowControl::None,
            Flow::RtsCts => tokio_serial::FlowControl::Hardware,
            Flow::XonXoff => tokio_serial::FlowControl::Software,
        });
    let mut port = builder.open_native_async().map_err(io::Error::from)?;
    // ports without these lines (pseudo-terminals, some USB bridges) refuse; they need none
    for raised in [port.write_data_terminal_ready(settings.dtr), port.write_request_to_send(settings.rts)] {
        if let Err(error) = raised {
            tracing::debug!(path = %path.display(), %error, "The port has no control lines.");
        }
    }
    Ok(Box::pin(port))
}
