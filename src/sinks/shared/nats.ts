/** What is used of the NATS clients, loaded by the first component that needs it: CommonJS has no names for `import()`. */

export { type JetStreamClient, jetstream } from '@nats-io/jetstream';
export { connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node';
