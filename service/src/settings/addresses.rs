use std::net::Ipv6Addr;

/// Brokers as Kafka's clients want them: `host:port`, between commas, without spaces.
pub(super) fn brokers(text: &str) -> Result<String, String> {
    let brokers: Vec<_> = text.split(',').map(str::trim).collect();
    if brokers.iter().all(|broker| is_broker(broker)) {
        Ok(brokers.join(","))
    } else {
        Err("must be host:port, several between commas, such as `localhost:9092`".to_owned())
    }
}

fn is_broker(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let port_is_one = port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|port| port > 0);
    let bracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let host_is_one = match bracketed {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        }
    };
    port_is_one && host_is_one
}

#[cfg(test)]
mod tests {
    use super::brokers;

    #[test]
    fn brokers_are_hosts_with_ports_between_commas() {
        for (text, read) in [
            ("localhost:9092", "localhost:9092"),
            (
                "kafka-1.shop:9092, kafka_2:19092",
                "kafka-1.shop:9092,kafka_2:19092",
            ),
            ("127.0.0.1:9092,[::1]:9092", "127.0.0.1:9092,[::1]:9092"),
        ] {
            assert_eq!(brokers(text).as_deref(), Ok(read));
        }
    }

    #[test]
    fn what_is_no_broker_is_refused() {
        for text in [
            "",
            ",",
            "localhost",
            ":9092",
            "localhost:",
            "localhost:0",
            "localhost:65536",
            "localhost:+1",
            "localhost:kafka",
            "localhost:9092,",
            "a:1,,b:2",
            "PLAINTEXT://localhost:9092",
            "two words:9092",
            "::1:9092",
            "[nowhere]:9092",
        ] {
            assert!(brokers(text).is_err(), "{text}");
        }
    }
}
