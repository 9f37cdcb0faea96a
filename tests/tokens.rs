//! Tokens beyond the box itself: each opens what its scopes say, and nothing else.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::Request;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tower_service::Service as _;
use waybind::config::Config;
use waybind::service::Core;
use waybind::web::{Peer, Trust, router};

const CALLS: [(&str, &str, &str); 7] = [
    ("GET", "/api/v1/orders", ""),
    ("GET", "/", ""),
    ("POST", "/api/v1/scans", r#"{"id": "1", "station": "http-info", "data": "x"}"#),
    ("POST", "/api/v1/products", r#"{"sku": "A"}"#),
    ("POST", "/api/v1/labels/plan", r#"{"parcels": []}"#),
    ("POST", "/api/v1/operators", r#"{"id": "li"}"#),
    ("POST", "/api/v1/targets/none/retry", ""),
];

#[tokio::test]
async fn each_scope_opens_its_own_calls() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for scopes in ["read", "scan", "write", "admin", "read-scan", "all"] {
        let sha256 = data_encoding::HEXLOWER.encode(&Sha256::digest(scopes.as_bytes()));
        text += &format!("[[token]]\nname = \"{scopes}\"\nsha256 = \"{sha256}\"\n");
        if scopes != "all" {
            text += &format!("scopes = {:?}\n", scopes.split('-').collect::<Vec<_>>());
        }
    }
    let mut config = Config::parse(&text, &BTreeMap::new()).unwrap();
    config.data = folder.path().join("data");
    let mut router = router(Core::open(&config).unwrap(), Trust::Loopback, Vec::new());
    let there: IpAddr = "192.0.2.7".parse().unwrap();
    let mut call = async |token: &str, (method, path, body): (&str, &str, &str)| {
        let request = Request::builder().method(method).uri(path).header("host", "192.0.2.1");
        let mut request =
            request.header("authorization", format!("Bearer {token}")).body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(Peer::Ip(there));
        let answer = router.call(request).await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.into_body().collect().await.unwrap().to_bytes())
    };
    for (token, opened) in [
        ("read", &[0, 1, 4][..]),
        ("scan", &[2]),
        ("write", &[3]),
        ("read-scan", &[0, 1, 2, 4]),
        ("admin", &[0, 1, 2, 3, 4, 5, 6]),
        ("all", &[0, 1, 2, 3, 4, 5, 6]),
    ] {
        for (number, asked) in CALLS.iter().enumerate() {
            let (status, body) = call(token, *asked).await;
            assert_eq!(status != 403, opened.contains(&number), "{token} {asked:?}: {status}");
            if status == 403 {
                let problem: Value = serde_json::from_slice(&body).unwrap();
                assert!(problem["detail"].as_str().unwrap().contains("scope"), "{problem}");
            }
        }
    }
    assert_eq!(call("nobody", CALLS[0]).await.0, 401);
    assert_eq!(call("nobody", CALLS[1]).await.0, 303);
}

#[tokio::test]
async fn a_browser_shows_its_token_once_and_goes_on_to_the_page_that_it_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let sha256 = data_encoding::HEXLOWER.encode(&Sha256::digest(b"abc123"));
    let token = format!("[[token]]\nname = \"pda\"\nsha256 = \"{sha256}\"\n");
    let mut config = Config::parse(&token, &BTreeMap::new()).unwrap();
    config.data = folder.path().join("data");
    let mut router = router(Core::open(&config).unwrap(), Trust::Loopback, Vec::new());
    let there: IpAddr = "192.0.2.7".parse().unwrap();
    let mut call = async |method: &str, path: &str, cookie: &str, body: String| {
        let request = Request::builder().method(method).uri(path).header("host", "192.0.2.1").header("cookie", cookie);
        let mut request = request.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(Peer::Ip(there));
        let answer = router.call(request).await.unwrap();
        let header = |name| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (status, to, cookie) = (answer.status().as_u16(), header("location"), header("set-cookie"));
        let page = answer.into_body().collect().await.unwrap().to_bytes();
        (status, to, cookie, String::from_utf8(page.to_vec()).unwrap())
    };
    for (wanted, to, field, reached) in [
        ("/", "/login?to=/", "/", "/"),
        ("/orders/A%2FB&C", "/login?to=/orders/A%252FB%26C", "/orders/A%2FB&amp;C", "/orders/A%2FB&C"),
    ] {
        assert_eq!(call("GET", wanted, "", String::new()).await.1.as_deref(), Some(to));
        let (status, _, _, page) = call("GET", to, "", String::new()).await;
        assert!(status == 200 && page.contains(&format!("name=\"to\" value=\"{field}\"")), "{page}");
        let written = reached.replace('%', "%25").replace('/', "%2F").replace('&', "%26");
        let (status, _, _, page) = call("POST", "/login", "", format!("to={written}&token=wrong")).await;
        assert!(status == 401 && page.contains(&format!("value=\"{field}\"")), "a mistyped token loses nothing");
        let (status, to, cookie, _) = call("POST", "/login", "", format!("to={written}&token=abc123")).await;
        assert_eq!((status, to.as_deref()), (303, Some(reached)));
        let cookie = cookie.unwrap();
        assert_ne!(call("GET", wanted, cookie.split(';').next().unwrap(), String::new()).await.0, 303);
    }
    for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", ""] {
        let written = elsewhere.replace(':', "%3A").replace('/', "%2F").replace('\\', "%5C");
        let (_, to, _, _) = call("POST", "/login", "", format!("to={written}&token=abc123")).await;
        assert_eq!(to.as_deref(), Some("/"), "{elsewhere}");
    }
}

#[test]
fn mistakes_of_tokens_and_sources_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mapping = folder.path().join("erp.toml");
    std::fs::write(&mapping, "[orders.fields]\nid = \"data[*].no\"\ncarier = \"data[*].c\"\n").unwrap();
    let sha256 = "0".repeat(64);
    let text = [
        &format!("[[token]]\nname = \"a\"\nsha256 = \"{sha256}\"\nscopes = [\"wrte\"]\n"),
        &format!("[[token]]\nname = \"b\"\nsha256 = \"{sha256}\"\nscopes = []\n"),
        "[[source]]\nname = \"a b\"\nkind = \"http\"\nurl = \"ftp://x\"\nauth = \"basic\"\nevery = 0\n",
        &format!("[[source]]\nname = \"c\"\nkind = \"http\"\nurl = \"http://x/{{since}}\"\nmapping = {mapping:?}\nsecret = \"s\"\n"),
        "[[source]]\nname = \"d\"\nkind = \"folder\"\nurl = \"http://x\"\n",
        "[[source]]\nname = \"d\"\nkind = \"folder\"\npath = \"/nowhere\"\n",
    ]
    .concat();
    let problems = Config::parse(&text, &BTreeMap::new()).unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for part in [
        "scopes: unknown variant `wrte`",
        "token \"b\" is another one's token",
        "token \"b\" may do nothing",
        "a source's name is \"a b\"",
        "source \"a b\" can't be asked",
        "source \"a b\" looks without a pause",
        "source \"a b\" has no secret to show",
        "source \"a b\" has no user",
        "source \"a b\" can't be read: it has no mapping",
        "source \"c\" can't be asked: it has something else in braces",
        "source \"c\" does not say how its secret is shown",
        "no field \"carier\"; the nearest is \"carrier\"",
        "source \"d\" has no path",
        "source \"d\" is a folder and has what only http has",
        "source \"d\" stands twice",
        "source \"d\" watches /nowhere, which is no folder",
    ] {
        assert!(told.iter().any(|line| line.contains(part)), "{part} is not among {told:#?}");
    }
}
