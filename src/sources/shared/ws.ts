/** What is used of ws, loaded by the first source that needs it: a CommonJS package has no names for `import()`. */

export { WebSocket } from 'ws';
