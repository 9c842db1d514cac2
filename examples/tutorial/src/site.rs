//! The files of the site, in the binary.

use bytes::Bytes;
use tidings_gateway::Document;

pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, type, content. The client is the bundle of its package, byte by byte; its licence lies beside it.
const FILES: [(&str, &str, &[u8]); 5] = [
    ("/", HTML, include_bytes!("../pages/index.html")),
    ("/chat", HTML, include_bytes!("../pages/chat.html")),
    ("/static/style.css", CSS, include_bytes!("../pages/style.css")),
    ("/static/socket.io.js", SCRIPT, include_bytes!("../pages/socket.io-1.3.6.js")),
    ("/static/socket.io.LICENSE", TEXT, include_bytes!("../pages/socket.io-1.3.6.LICENSE")),
];

pub(crate) fn document(path: &str) -> Option<Document> {
    let (_, content_type, body) = FILES.iter().find(|(known, ..)| *known == path)?;
    Some(Document { status: 200, content_type, body: Bytes::from_static(body) })
}

pub(crate) fn wrong_method() -> Document {
    Document { status: 405, content_type: TEXT, body: "Method Not Allowed".into() }
}
