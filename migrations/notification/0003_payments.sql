-- That a payment succeeded now says itself what was paid, by whom and for which order.
drop table payment_asked;
