//! Tokens of an image, from its width and height, by the providers' rules.

use crate::describe::Provider;

/// The size that is assumed of an image whose own is not known: it is fetched by its address, or
/// of a format without a row here.
pub(super) const UNKNOWN: Size = Size {
    width: 1024,
    height: 1024,
};

/// Pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// The rules by which a model counts images.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    /// OpenAI's tiles of 512 pixels, of an image that was brought into 2,048 × 2,048 and then to
    /// 768 on its shorter side; `low` detail is the base alone.
    /// <https://platform.openai.com/docs/guides/images-vision#calculating-costs>
    Tiles { base: u64, tile: u64 },
    /// OpenAI's patches of 32 pixels, of which there are at most so many, in hundredths of a token;
    /// the same page.
    Patches { most: u64, hundredths: u64 },
    /// Anthropic: a token for 750 pixels, of an image that was brought to `edge` on its longer side
    /// and to `most` tokens. <https://platform.claude.com/docs/en/build-with-claude/vision>
    Pixels { edge: u32, most: u64 },
    /// Gemini 2: 258 tokens up to 384 × 384, else for each tile, whose side is two thirds of the
    /// shorter side and 256 to 768 pixels. <https://ai.google.dev/gemini-api/docs/tokens>
    Crops,
    /// Gemini 3: one number for all, by default that of high resolution.
    /// <https://ai.google.dev/gemini-api/docs/media-resolution>
    Fixed(u64),
}

/// The rules of models whose name begins so; the first that fits counts.
const RULES: &[(&str, Rule)] = &[
    (
        "gpt-4o-mini",
        Rule::Tiles {
            base: 2833,
            tile: 5667,
        },
    ),
    (
        "gpt-4.1-mini",
        Rule::Patches {
            most: 1536,
            hundredths: 162,
        },
    ),
    (
        "gpt-4.1-nano",
        Rule::Patches {
            most: 1536,
            hundredths: 246,
        },
    ),
    (
        "o4-mini",
        Rule::Patches {
            most: 1536,
            hundredths: 172,
        },
    ),
    (
        "gpt-5-mini",
        Rule::Patches {
            most: 1536,
            hundredths: 162,
        },
    ),
    (
        "gpt-5-nano",
        Rule::Patches {
            most: 1536,
            hundredths: 246,
        },
    ),
    (
        "gpt-5.4-mini",
        Rule::Patches {
            most: 1536,
            hundredths: 162,
        },
    ),
    (
        "gpt-5.4-nano",
        Rule::Patches {
            most: 1536,
            hundredths: 246,
        },
    ),
    (
        "gpt-5.2",
        Rule::Patches {
            most: 1536,
            hundredths: 100,
        },
    ),
    (
        "gpt-5.3",
        Rule::Patches {
            most: 1536,
            hundredths: 100,
        },
    ),
    (
        "gpt-5.",
        Rule::Patches {
            most: 2500,
            hundredths: 100,
        },
    ),
    (
        "gpt-5",
        Rule::Tiles {
            base: 70,
            tile: 140,
        },
    ),
    (
        "o1",
        Rule::Tiles {
            base: 75,
            tile: 150,
        },
    ),
    (
        "o3",
        Rule::Tiles {
            base: 75,
            tile: 150,
        },
    ),
    (
        "computer-use",
        Rule::Tiles {
            base: 65,
            tile: 129,
        },
    ),
    (
        "gpt-",
        Rule::Tiles {
            base: 85,
            tile: 170,
        },
    ),
    (
        "claude-opus-4-7",
        Rule::Pixels {
            edge: 2576,
            most: 4784,
        },
    ),
    (
        "claude-opus-4-8",
        Rule::Pixels {
            edge: 2576,
            most: 4784,
        },
    ),
    (
        "claude-",
        Rule::Pixels {
            edge: 1568,
            most: 1600,
        },
    ),
    ("gemini-3", Rule::Fixed(1120)),
    ("gemini-", Rule::Crops),
];

impl Rule {
    /// The rule of a model; of one that has none by its name, that of its provider's most.
    fn of(provider: Option<Provider>, model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        let name = name.strip_prefix("anthropic.").unwrap_or(name);
        let row = RULES.iter().find(|(start, _)| name.starts_with(start));
        match (row, provider) {
            (Some((_, rule)), _) => *rule,
            (None, Some(Provider::Anthropic)) => Self::Pixels {
                edge: 1568,
                most: 1600,
            },
            (None, Some(Provider::Google)) => Self::Crops,
            (None, Some(Provider::Openai) | None) => Self::Tiles {
                base: 85,
                tile: 170,
            },
        }
    }

    fn tokens(self, size: Size, low_detail: bool) -> u64 {
        let (width, height) = (u64::from(size.width), u64::from(size.height));
        let (short, long) = (width.min(height), width.max(height));
        match self {
            Self::Tiles { base, .. } if low_detail => base,
            Self::Tiles { base, tile } => {
                // by the longer side, then by the shorter one; never made larger
                let scale = (2048.0 / long as f64).min(1.0);
                let scale = scale * (768.0 / (short as f64 * scale)).min(1.0);
                let tiles = |side: u64| ((side as f64 * scale).round() as u64).div_ceil(512);
                base + tile * tiles(width) * tiles(height)
            }
            Self::Patches { most, hundredths } => {
                let patches = width.div_ceil(32) * height.div_ceil(32);
                (patches.min(most) * hundredths).div_ceil(100)
            }
            Self::Pixels { edge, most } => {
                let scale = (f64::from(edge) / long as f64).min(1.0);
                let tokens = width as f64 * height as f64 * scale * scale / 750.0;
                (tokens.ceil() as u64).min(most)
            }
            Self::Crops if long <= 384 => 258,
            Self::Crops => {
                let tile = (short * 2 / 3).clamp(256, 768);
                258 * width.div_ceil(tile) * height.div_ceil(tile)
            }
            Self::Fixed(tokens) => tokens,
        }
    }
}

/// Estimates an image of this size for a model. `low_detail`: OpenAI's `detail: low` was requested.
pub(super) fn tokens(size: Size, provider: Option<Provider>, model: &str, low_detail: bool) -> u64 {
    // a header may say anything; no provider takes more
    let size = Size {
        width: size.width.min(1 << 15),
        height: size.height.min(1 << 15),
    };
    Rule::of(provider, model).tokens(size, low_detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the providers' pages, worked out there.
    #[test]
    fn images_cost_what_the_providers_examples_say() {
        let openai = Some(Provider::Openai);
        let (anthropic, google) = (Some(Provider::Anthropic), Some(Provider::Google));
        for (provider, model, width, height, low, tokens) in [
            // 1024 × 1024 is brought to 768 × 768: 4 tiles
            (openai, "gpt-4o", 1024, 1024, false, 85 + 4 * 170),
            // 2048 × 4096 to 1024 × 2048, then to 768 × 1536: 6 tiles
            (openai, "gpt-4o", 2048, 4096, false, 85 + 6 * 170),
            (openai, "gpt-4o", 4096, 8192, true, 85),
            (openai, "gpt-5", 1024, 1024, false, 70 + 4 * 140),
            (openai, "an-alias", 512, 512, false, 85 + 170),
            // 32 × 32 patches
            (openai, "gpt-4.1-mini", 1024, 1024, false, 1659),
            // more than 1536 of them
            (openai, "o4-mini", 1800, 2400, false, 2642),
            // 200 × 200 / 750
            (anthropic, "claude-sonnet-4-5", 200, 200, false, 54),
            (anthropic, "claude-sonnet-4-5", 1000, 1000, false, 1334),
            (anthropic, "claude-sonnet-4-5", 4000, 4000, false, 1600),
            (
                openai,
                "anthropic/claude-sonnet-4.5",
                1000,
                1000,
                false,
                1334,
            ),
            (google, "gemini-2.5-flash", 384, 384, false, 258),
            // tiles of 360
            (google, "gemini-2.5-flash", 960, 540, false, 6 * 258),
            (google, "models/gemini-3-pro", 960, 540, false, 1120),
        ] {
            let size = Size { width, height };
            let found = super::tokens(size, provider, model, low);
            assert_eq!(found, tokens, "{model} {width} × {height}");
        }
    }

    #[test]
    fn no_size_overflows_a_rule() {
        for (_, rule) in RULES {
            for (width, height) in [(u32::MAX, u32::MAX), (1, u32::MAX), (1, 1)] {
                let size = Size { width, height };
                let name = format!("{rule:?}");
                assert!(
                    (1..4_500_000).contains(&rule.tokens(
                        Size {
                            width: size.width.min(1 << 15),
                            height: size.height.min(1 << 15),
                        },
                        false
                    )),
                    "{name}"
                );
            }
        }
    }
}
