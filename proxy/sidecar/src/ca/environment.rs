//! Environment variables by which apps trust the pod's CA: one list, for `outrigger ca --env` and
//! the injector.

use std::path::{Path, PathBuf};

/// Returns the variables and the files that they name, for the certificates in `bundle`. A variable
/// that the container sets itself takes precedence.
///
/// All but the last replace a client's roots, so they name the file that has the public ones too;
/// Node adds to its own.
///
/// | variable | who reads it |
/// | --- | --- |
/// | `SSL_CERT_FILE` | Python's ssl (httpx, aiohttp and the SDKs on them), Go, curl, OpenSSL |
/// | `REQUESTS_CA_BUNDLE` | requests, boto3 |
/// | `CURL_CA_BUNDLE` | curl, requests |
/// | `AWS_CA_BUNDLE` | boto3 and the AWS SDKs |
/// | `GRPC_DEFAULT_SSL_ROOTS_FILE_PATH` | gRPC's C core and all on it |
/// | `NODE_EXTRA_CA_CERTS` | Node |
pub fn environment(bundle: &Path) -> [(&'static str, PathBuf); 6] {
    let all = bundle.join("bundle.pem");
    [
        ("SSL_CERT_FILE", all.clone()),
        ("REQUESTS_CA_BUNDLE", all.clone()),
        ("CURL_CA_BUNDLE", all.clone()),
        ("AWS_CA_BUNDLE", all.clone()),
        ("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", all),
        ("NODE_EXTRA_CA_CERTS", bundle.join("ca.pem")),
    ]
}

/// Returns the JVM options to append to `JAVA_TOOL_OPTIONS` after a space. The store needs no
/// password and takes any.
pub fn java_options(bundle: &Path) -> String {
    let store = bundle.join("bundle.p12");
    format!(
        "-Djavax.net.ssl.trustStore={} -Djavax.net.ssl.trustStoreType=PKCS12",
        store.display()
    )
}
