//! The account of an exchange that no dialect reads: what its reply reported of usage, and the price
//! of the model that its body named.

use dialect::endpoint::Figures;

use super::{generation::now, ledger::Reading, passing::BodyProgress, settle::ExchangeGuard};

impl ExchangeGuard {
    /// Takes over what a reply that no dialect describes reported.
    pub(super) fn note_figures(&mut self, figures: Figures, complete: bool) {
        self.record.audio_tokens = figures.usage.map_or(0, |usage| usage.details.audio_input);
        self.record.images = figures.images;
        self.record.audio_seconds = figures.audio_seconds;
        if figures.usage.is_some() {
            self.observed.usage = figures.usage;
            self.observed.reading = match complete {
                true => Reading::Whole,
                false => Reading::Part,
            };
        }
    }

    /// Finds the price of what passed unread: its model is known once its body went by. Where no
    /// usage was reported only a price of the request itself can be the cost.
    pub(super) fn price_unread(&mut self) {
        let endpoint = self.record.endpoint;
        if !endpoint.is_some_and(|endpoint| endpoint.is_charged()) {
            return;
        }
        let record = &mut self.record;
        let charge = &mut self.ledger.charge;
        record.charged = charge.served;
        if let Some(model) = self.passing.as_ref().and_then(BodyProgress::take_model) {
            record.model.get_or_insert(model);
        }
        let (Some(upstream), Some(model)) = (&record.upstream, &record.model) else {
            charge.price = None;
            return;
        };
        if record.target.ends_with('/') {
            record.target.push_str(model);
        }
        let price = self.generation.prices.price(upstream, model, now());
        let is_reported = self.observed.usage.is_some();
        let price = price.filter(|price| is_reported || price.request.0 > 0);
        charge.price = price;
    }
}
