//! Online Mart as a library, so that tests can start a whole shop.
