// Every entry of every package, so that all of their types are checked.
export type * as kafka from '@genrocks/kafka';
export type * as kafkaConfig from '@genrocks/kafka/config';
export type * as storage from '@genrocks/storage';
export type * as storageConfig from '@genrocks/storage/config';
export type * as storageTesting from '@genrocks/storage/testing';
export type * as diskLog from '@genrocks/storage-disklog';
export type * as diskLogTools from '@genrocks/storage-disklog/tools';
export type * as ets from '@genrocks/storage-ets';
export type * as rocksDb from '@genrocks/storage-rocksdb';
export type * as topics from '@genrocks/topics';
export type * as health from '@genrocks/topics/health';
export type * as listener from '@genrocks/topics/listener';
export type * as metrics from '@genrocks/topics/metrics';
export type * as microservices from '@genrocks/topics/microservices';
export type * as records from '@genrocks/topics/records';
export type * as testing from '@genrocks/topics/testing';
export type * as tracing from '@genrocks/topics/tracing';
