//! Addresses of providers: written down here, or made of what configuration says.

/// The address of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// One host for everybody: `https://api.groq.com`.
    Public(&'static str),
    /// A server beside the sidecar, at its usual port: `http://127.0.0.1:11434`.
    Local(&'static str),
    /// Hosts of several regions, each with keys of its own: `url` says which.
    Written,
    /// A host for each of a customer's places: `https://{resource}.openai.azure.com`. `{endpoint}`
    /// is Vertex' host for a location.
    Made {
        /// The URL.
        url: &'static str,
        /// The keys of configuration that it, or a path below it, is made of.
        parts: &'static [Part],
    },
}

/// A key of configuration that an address is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Azure's name of a resource.
    Resource,
    /// A region of AWS.
    Region,
    /// A project of Google Cloud.
    Project,
    /// A location of Google Cloud.
    Location,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Resource, Self::Region, Self::Project, Self::Location];

    /// The key in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Region => "region",
            Self::Project => "project",
            Self::Location => "location",
        }
    }

    /// An example of its value.
    pub const fn example(self) -> &'static str {
        match self {
            Self::Resource => "my-resource",
            Self::Region => "us-east-1",
            Self::Project => "my-project",
            Self::Location => "global",
        }
    }
}

/// The values of an upstream's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts<'a> {
    /// Azure's name of a resource.
    pub resource: Option<&'a str>,
    /// A region of AWS.
    pub region: Option<&'a str>,
    /// A project of Google Cloud.
    pub project: Option<&'a str>,
    /// A location of Google Cloud.
    pub location: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// The value of one of them.
    pub const fn value(&self, part: Part) -> Option<&'a str> {
        match part {
            Part::Resource => self.resource,
            Part::Region => self.region,
            Part::Project => self.project,
            Part::Location => self.location,
        }
    }

    /// Writes the values in the places of their names. What has no value stays as it is.
    pub fn fill(&self, template: &str) -> String {
        let mut text = template.to_owned();
        for part in Part::ALL {
            if let Some(value) = self.value(part) {
                text = text.replace(&["{", part.name(), "}"].concat(), value);
            }
        }
        match self.location {
            Some(location) => text.replace("{endpoint}", &vertex_host(location)),
            None => text,
        }
    }
}

impl Address {
    /// The URL of whoever wrote none; none where that can't be known.
    pub fn url(self, parts: &Parts<'_>) -> Option<String> {
        match self {
            Self::Public(url) | Self::Local(url) => Some(url.to_owned()),
            Self::Written => None,
            Self::Made { url, parts: needed } => {
                let has_all = needed.iter().all(|part| parts.value(*part).is_some());
                has_all.then(|| parts.fill(url))
            }
        }
    }

    /// The keys that it is made of.
    pub const fn parts(self) -> &'static [Part] {
        match self {
            Self::Made { parts, .. } => parts,
            Self::Public(_) | Self::Local(_) | Self::Written => &[],
        }
    }
}

/// Vertex' host for a location: one for all, one for each of two multi-regions, and one for each
/// region.
///
/// Source: <https://docs.cloud.google.com/vertex-ai/generative-ai/docs/learn/locations>.
fn vertex_host(location: &str) -> String {
    match location {
        "global" => "aiplatform.googleapis.com".to_owned(),
        "us" | "eu" => format!("aiplatform.{location}.rep.googleapis.com"),
        region => format!("{region}-aiplatform.googleapis.com"),
    }
}
