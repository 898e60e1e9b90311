//! Keys that everybody has seen: documentation shows them, and programs ship with them.

/// The ends of such keys; what stands before is the same in all of a kind.
#[rustfmt::skip] // a table
const ENDS: &[&[u8]] = &[
    // Google's samples and those of Firebase: https://github.com/firebase, https://developers.google.com
    b"X-oo6YyIs", b"rUEke8agEM", b"gHIAODrlU", b"ZRR_znhrh0", b"YefhixbX4A", b"i_UUPwX7c", b"9CKctWmLd4", b"PjjaXeDQgY", b"Jv_a_p4wtM", b"t1sjmdnP5sQ", b"hrOq1cS7g", b"2AFnzAvvuU", b"MJmprNXsw", b"xaOi4FmqE", b"rVL_n0nvY",
    // AWS, https://docs.aws.amazon.com; NuGet, https://learn.microsoft.com/nuget; Algolia's key in Yarn's documentation
    b"EXAMPLEKEY", b"!!lloppa", b"9ooo_da!sY", b"26b506d14126",
];

/// True for a key that is no secret any more.
pub(super) fn is_one(value: &[u8]) -> bool {
    ENDS.iter().any(|end| value.ends_with(end))
}
