use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use super::*;

/// A key that was made for these tests, and opens nothing.
const KEY: &str = include_str!("key.pem");

fn written(token_uri: &str) -> String {
    serde_json::json!({
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "kid-1",
        "private_key": KEY,
        "client_email": "a@p.iam.gserviceaccount.com",
        "token_uri": token_uri,
    })
    .to_string()
}

#[test]
fn an_assertion_names_account_scope_and_endpoint_and_is_signed_with_the_key() {
    let account = read(&written("https://oauth2.googleapis.com/token")).unwrap();
    let jwt = assertion(&account, "scope-a", Duration::from_secs(1000)).unwrap();
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    let json = |part: &str| -> serde_json::Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(
        json(head),
        serde_json::json!({ "alg": "RS256", "typ": "JWT", "kid": "kid-1" })
    );
    assert_eq!(
        json(claims),
        serde_json::json!({
            "iss": "a@p.iam.gserviceaccount.com",
            "scope": "scope-a",
            "aud": "https://oauth2.googleapis.com/token",
            "iat": 1000,
            "exp": 4600,
        })
    );
    let der = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let key = KeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public().as_ref());
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    public.verify(signed.as_bytes(), &signature).unwrap();
}

#[test]
fn a_file_that_is_no_service_accounts_says_so() {
    let good = written("https://oauth2.googleapis.com/token");
    for (text, part) in [
        ("", "client_email"),
        (&*good.replace("client_email", "email"), "client_email"),
        (
            &*good.replace("\"service_account\"", "\"external_account\""),
            "service_account",
        ),
        (&*written("http://oauth2.googleapis.com/token"), "token_uri"),
    ] {
        let Cause::Malformed { what } = read(text).err().unwrap() else {
            panic!("another cause");
        };
        assert!(what.contains(part), "{what}");
    }
    let broken = read(&good.replace("PRIVATE", "PUBLIC")).unwrap();
    let cause = assertion(&broken, "s", Duration::ZERO).err().unwrap();
    assert!(matches!(cause, Cause::Malformed { what } if what.contains("private_key")));
}
