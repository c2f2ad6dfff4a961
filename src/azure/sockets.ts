/** Web sockets with proxies and our own headers, loaded when AMQP goes through them. */

export { WebSocket } from 'ws';
