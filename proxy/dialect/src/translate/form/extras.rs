//! Members that some dialects have and others lack, and what becomes of each where the target lacks it.

use super::super::loss::{Dropped, Loss, Refused};

/// A member that some dialects have and others lack, carried as source.
#[derive(Debug)]
pub(crate) struct Extra<'a> {
    /// Which.
    pub kind: ExtraKind,
    /// Its name in the caller's dialect, for messages.
    pub field: &'static str,
    /// Its value, as source.
    pub value: &'a [u8],
}

/// Writes the table of extras: for each what becomes of it where the target lacks it.
macro_rules! extras {
    ($($(#[$doc:meta])+ $kind:ident: $loss:ident;)+) => {
        /// A member that some dialects have and others lack.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum ExtraKind { $($(#[$doc])+ $kind,)+ }

        impl ExtraKind {
            /// Its end where the target's dialect or model lacks it.
            pub(crate) const fn loss(self) -> Loss {
                match self { $(Self::$kind => Loss::$loss,)+ }
            }
        }
    };
}

extras! {
    /// The number of choices, where it is not 1.
    Choices: Refuse;
    /// Probabilities of tokens are to be reported.
    Logprobs: Refuse;
    /// The number of likeliest tokens to report.
    TopLogprobs: Refuse;
    /// A seed for sampling.
    Seed: Drop;
    /// A penalty on frequent tokens.
    FrequencyPenalty: Drop;
    /// A penalty on tokens that occurred.
    PresencePenalty: Drop;
    /// Biases of single tokens.
    LogitBias: Drop;
    /// The provider's class of service.
    ServiceTier: Drop;
    /// The provider is to keep the reply for later calls.
    Store: Drop;
    /// Labels for the provider's console.
    Metadata: Drop;
    /// The length of the text, in words such as `low`.
    Verbosity: Drop;
    /// A key of the provider's prompt cache.
    CacheKey: Drop;
    /// Which parts the reply is to include.
    Include: Drop;
    /// The way in which the provider may shorten the prompt.
    Truncation: Drop;
    /// Text that the reply is likely to repeat.
    Prediction: Drop;
    /// Rules of safety that the provider is to apply.
    Safety: Refuse;
    /// Kinds of the reply's content other than text, such as sound.
    Modalities: Refuse;
    /// A state that the provider keeps, such as a former reply or a cached prompt.
    State: Refuse;
    /// A tool that the provider itself runs.
    HostedTool: Refuse;
    /// The most calls of hosted tools.
    MaxToolCalls: Drop;
    /// Padding and cuts of a stream.
    StreamOptions: Drop;
    /// Labels that Google bills by.
    Labels: Drop;
    /// The resolution of media.
    MediaResolution: Drop;
    /// Beta features that the caller turned on.
    Betas: Drop;
    /// The place at which the provider is to run the model.
    InferenceGeo: Refuse;
}

impl Extra<'_> {
    /// Ends it where the target lacks it, as its kind says: noted, or refused.
    ///
    /// # Errors
    /// The meaning of the request would change.
    pub(crate) fn lose(&self, dropped: &mut Dropped) -> Result<(), Refused> {
        match self.kind.loss() {
            Loss::Drop => dropped.add(self.field),
            Loss::Refuse => {
                let why = "can't be carried to the target's dialect";
                return Err(Refused::new(self.field, why));
            }
        }
        Ok(())
    }
}
