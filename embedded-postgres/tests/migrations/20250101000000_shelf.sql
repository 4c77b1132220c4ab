create table shelf (label text not null);
