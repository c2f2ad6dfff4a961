/** What is used of mqtt, loaded when the event bus is: a CommonJS package has no names for `import()`. */

export { connect, type IClientOptions, type MqttClient } from 'mqtt';
