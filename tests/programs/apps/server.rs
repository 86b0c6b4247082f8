use std::io::{Read, Write};
use std::net::TcpListener;

fn main() {
    let port = std::env::args().nth(1).unwrap();
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    loop {
        let (mut client, peer) = listener.accept().unwrap();
        std::thread::spawn(move || {
            let mut request = Vec::new();
            let mut part = [0u8; 1024];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                match client.read(&mut part) {
                    Ok(count) if count > 0 => request.extend_from_slice(&part[..count]),
                    _ => return,
                }
            }
            let body = format!("pid={} peer={peer}\n", std::process::id());
            let _ = write!(client, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        });
    }
}
