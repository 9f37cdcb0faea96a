//! Bytes of a socket that the other side has not acknowledged, as the kernel counts them. What was written lies in this
//! machine at first: with the cable pulled it stays there, and looks as if it had gone out.

use std::net::{IpAddr, SocketAddr};

/// Bytes of the kernel's table that are read: some hundred a socket, for ten thousand of them.
const TABLE_MAX: u64 = 2 * 1024 * 1024;

/// The bytes on the way, the end of the stream counted as one; none where the kernel does not say, or has no such socket
/// any more.
pub(super) fn unsent(own: SocketAddr, other: SocketAddr) -> Option<u64> {
    use std::io::Read as _;
    let table = if own.is_ipv4() { "/proc/self/net/tcp" } else { "/proc/self/net/tcp6" };
    let mut text = String::new();
    std::fs::File::open(table).ok()?.take(TABLE_MAX).read_to_string(&mut text).ok()?;
    in_table(&text, own, other)
}

fn in_table(table: &str, own: SocketAddr, other: SocketAddr) -> Option<u64> {
    let (own, other) = (written(own), written(other));
    table.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let is_it = fields.next()? == own && fields.next()? == other;
        let queue = fields.nth(1).filter(|_| is_it)?.split(':').next()?;
        u64::from_str_radix(queue, 16).ok()
    })
}

/// An address as the kernel writes it: words as they lie in memory.
fn written(address: SocketAddr) -> String {
    let word = |bytes: &[u8]| {
        let bytes = bytes.try_into().unwrap_or_default();
        format!("{:08X}", u32::from_ne_bytes(bytes))
    };
    let ip: String = match address.ip() {
        IpAddr::V4(ip) => word(&ip.octets()),
        IpAddr::V6(ip) => ip.octets().chunks(4).map(word).collect(),
    };
    format!("{ip}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_line_of_the_table_is_found_by_both_ends() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n   0: 0100007F:1F90 0100007F:A3C4 01 0000002A:00000000 00:00000000\n   1: 0100007F:A3C4 0100007F:1F90 04 00000001:00000000 00:0\n";
        if cfg!(target_endian = "little") {
            let (one, other) = ("127.0.0.1:8080".parse().expect("it"), "127.0.0.1:41924".parse().expect("it"));
            assert_eq!(in_table(table, one, other), Some(42));
            assert_eq!(in_table(table, other, one), Some(1));
            assert_eq!(in_table(table, one, one), None);
        }
        assert_eq!(
            in_table("nonsense\n 1: 2\n\n", "[::1]:1".parse().expect("it"), "[::1]:2".parse().expect("it")),
            None
        );
    }

    #[test]
    fn what_nobody_reads_is_on_the_way() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut stream = TcpStream::connect(listener.local_addr().expect("it")).expect("a connection");
        let (mut peer, _) = listener.accept().expect("a connection");
        let ends = (stream.local_addr().expect("it"), stream.peer_addr().expect("it"));
        stream.set_nonblocking(true).expect("it");
        let mut sent = 0;
        while let Ok(written) = stream.write(&[0; 65_536]) {
            sent += written;
        }
        let on_the_way = unsent(ends.0, ends.1).expect("it is in the table");
        assert!(on_the_way > 0 && on_the_way <= sent as u64, "{on_the_way} of {sent}");
        drop(stream);
        peer.read_to_end(&mut Vec::new()).expect("all of it");
    }
}
