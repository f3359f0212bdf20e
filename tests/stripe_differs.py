"""Where localstripe does otherwise than Stripe, by contract test: each is expected to fail, and noticed if not."""

NO_NAMES = "it refuses without naming code or parameter"
ON_CREATING = "its create answers 200 where Stripe answers 402; the intent is just left open"
NO_KEYS = "it does not know idempotency keys"
NO_SUMS = "its intents say neither what was received nor what can be captured"
NO_BOUND = "it does not count what was refunded: 1,200 go back of 1,000"

LOCALSTRIPE_DIFFERS: dict[str, str] = {
    "test_what_was_received_stands_on_the_intent": NO_SUMS,
    "test_a_payment_method_can_be_named_when_confirming": "confirming with a payment method is not implemented",
    "test_a_decline_is_a_402_that_leaves_the_intent_open": ON_CREATING,
    "test_another_card_pays_what_the_first_did_not": ON_CREATING,
    "test_declines_say_why": "it knows one card that declines by name, and only one reason",
    "test_a_hold_says_what_and_until_when": NO_SUMS,
    "test_less_may_be_captured_than_was_held": NO_SUMS,
    "test_a_capture_that_is_too_large_says_so": NO_NAMES,
    "test_a_hold_that_was_let_go_is_gone": "it takes no reason for cancelling",
    "test_a_refusal_shows_the_intent_as_it_is": NO_NAMES,
    "test_a_redirect_leads_back_to_the_shop": "it takes no return_url",
    "test_a_holder_who_is_away_cannot_be_asked": "it answers requires_action, whether the holder is there or not",
    "test_a_mandate_keeps_the_card_and_is_charged_later": "a setup does not attach the card to its customer",
    "test_a_kept_card_may_decline_later": ON_CREATING,
    "test_somebody_elses_card_does_not_pay": "any card pays for anybody",
    "test_the_rest_goes_back_when_a_part_did": "it takes no reason for a refund, and gives everything back again",
    "test_never_more_goes_back_than_came": NO_BOUND,
    "test_what_is_back_is_not_given_back_again": NO_BOUND,
    "test_only_what_was_captured_goes_back": NO_BOUND,
    "test_a_key_is_answered_once_and_for_all": NO_KEYS,
    "test_a_key_belongs_to_its_parameters": NO_KEYS,
    "test_a_decline_is_repeated_to_its_key": ON_CREATING,
    "test_what_is_wrong_is_named": NO_NAMES,
    "test_what_does_not_exist_is_missed_by_name": NO_NAMES,
    "test_the_newest_comes_first": "it pages forwards only",
    "test_payments_are_found_by_customer_and_time": "it lists intents without any filter",
    "test_a_payment_leaves_events_behind": "it keeps no events of payments",
}
