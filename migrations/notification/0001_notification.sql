-- How far the projection has applied the log. Moves in the same transaction as the rows.
create table checkpoint (
    projection text primary key,
    version int not null,
    position bigint not null
) with (fillfactor = 50);

-- What GET /notifications shows, together with delivery. Folded from the log: the id is the event's, so the same
-- after every rebuild.
create table mail (
    id bigint not null,
    notification_id uuid primary key,
    kind text not null,
    user_id uuid not null,
    recipient text not null,
    username text not null,
    subject text not null,
    body text not null,
    queued_at timestamptz not null
);

create unique index mail_id_key on mail (id);
create index mail_user_id_id_key on mail (user_id, id desc);

-- Whom to greet, and where.
create table recipient (
    user_id uuid primary key,
    username text not null,
    email text not null,
    version bigint not null
);

-- Mails whose recipient has not been seen yet.
create table mail_waiting (
    id bigint not null,
    notification_id uuid primary key,
    kind text not null,
    user_id uuid not null,
    subject text not null,
    text text not null,
    queued_at timestamptz not null
);

create index mail_waiting_user_id_key on mail_waiting (user_id);

-- What a payment's later events do not repeat.
create table payment_asked (
    payment_id uuid primary key,
    order_id uuid not null,
    user_id uuid not null,
    amount_minor bigint not null,
    currency text not null,
    version bigint not null
) with (fillfactor = 70);

-- What became of each mail. Not folded from the log: a rebuild of the tables above leaves this one alone, and no
-- mail is sent again.
create table delivery (
    notification_id uuid primary key,
    status text not null default 'QUEUED' check (status in ('QUEUED', 'SENT', 'FAILED')),
    attempts int not null default 0,
    next_attempt_at timestamptz not null default now(),
    leased_until timestamptz,
    sent_at timestamptz,
    last_error text
) with (fillfactor = 70);

create index delivery_due_key on delivery (next_attempt_at) where status = 'QUEUED';
