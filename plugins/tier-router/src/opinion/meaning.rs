//! Labelled texts that a turn is near to: the cosine of its vector with each label's centroid.

use outrigger_sdk::{embeddings, metrics};
use serde::Deserialize;

/// The section as it is written; `centroids.py` writes it from a labelled file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MeaningFile {
    embedder: String,
    #[serde(default)]
    margin: f32,
    labels: Vec<LabelFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelFile {
    name: String,
    add: i32,
    centroid: Vec<f32>,
}

/// Centroids of labelled texts, in one embedder's space.
#[derive(Debug)]
pub(crate) struct Meaning {
    /// The name of what made the centroids, as the proxy has it.
    embedder: String,
    /// Cosine by which the nearest label has to lead the second.
    margin: f32,
    labels: Vec<Label>,
}

#[derive(Debug)]
struct Label {
    name: String,
    add: i32,
    /// Of length 1.
    centroid: Vec<f32>,
}

impl MeaningFile {
    /// Checks what is written.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub(crate) fn read(self) -> Result<Meaning, String> {
        if self.embedder.trim().is_empty() {
            return Err(
                "meaning.embedder: is empty: write what made the centroids, `upstream/model`"
                    .into(),
            );
        }
        if !(0.0..1.0).contains(&self.margin) {
            return Err("meaning.margin: expected a number from 0 to below 1".into());
        }
        if self.labels.len() < 2 {
            return Err(
                "meaning.labels: with fewer than two every text is nearest to the same".into(),
            );
        }
        let mut labels: Vec<Label> = Vec::with_capacity(self.labels.len());
        for (at, file) in self.labels.into_iter().enumerate() {
            let wrong = |why: &str| Err(format!("meaning.labels[{at}].{why}"));
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            if !(1..=32).contains(&file.name.len()) || !file.name.bytes().all(plain) {
                return wrong("name: expected 1 to 32 letters, digits, `_` and `-` of ASCII");
            }
            if labels.iter().any(|label| label.name == file.name) {
                return wrong("name: is listed twice");
            }
            if labels
                .first()
                .is_some_and(|first| first.centroid.len() != file.centroid.len())
            {
                return wrong("centroid: has another number of numbers than the first label's");
            }
            let length = file.centroid.iter().map(|x| x * x).sum::<f32>().sqrt();
            if !length.is_normal() {
                return wrong(
                    "centroid: has no direction: all of its numbers are 0, or one is none",
                );
            }
            labels.push(Label {
                centroid: file.centroid.iter().map(|x| x / length).collect(),
                name: file.name,
                add: file.add,
            });
        }
        Ok(Meaning {
            embedder: self.embedder,
            margin: self.margin,
            labels,
        })
    }
}

impl Meaning {
    /// Returns the label that a text is nearest to, and what it adds; `None` where none leads, and
    /// where the text has no vector in the centroids' space.
    pub(super) fn of(&self, text: &str) -> Option<(&str, i32)> {
        match self.nearest(text) {
            Ok(label) => {
                let name = label.map_or("none", |label| label.name.as_str());
                metrics::count_labelled("meant", &[("label", name)], 1);
                label.map(|label| (label.name.as_str(), label.add))
            }
            Err(why) => {
                metrics::count_labelled("meaning_failed", &[("why", why)], 1);
                None
            }
        }
    }

    fn nearest(&self, text: &str) -> Result<Option<&Label>, &'static str> {
        // Numbers of another embedder are of another space.
        if embeddings::embedder().as_deref() != Some(&*self.embedder) {
            return Err("embedder");
        }
        let vectors = embeddings::embed(&[text]).map_err(|_| "unavailable")?;
        let numbers = vectors.first().ok_or("unavailable")?.numbers();
        let cosine = |label: &Label| {
            let pairs = label.centroid.iter().zip(&numbers);
            pairs.map(|(one, other)| one * other).sum::<f32>()
        };
        let (mut first, mut second) = (None, f32::MIN);
        for label in &self.labels {
            if label.centroid.len() != numbers.len() {
                return Err("embedder");
            }
            let near = cosine(label);
            match first {
                Some((known, _)) if near <= known => second = second.max(near),
                _ => {
                    second = first.map_or(second, |(known, _)| known);
                    first = Some((near, label));
                }
            }
        }
        let leads = first.filter(|(near, _)| near - second >= self.margin);
        Ok(leads.map(|(_, label)| label))
    }
}
