/**
 * Loaded before a worker (`node --import`): each connection to a port that `LINKS` names (JSON: port ->
 * port) goes to the other one, whatever has made it. So a test cuts one node from anything, and no
 * address that a node learns or tells is another than without it.
 */
import { Socket } from 'node:net'

const links = new Map(Object.entries<number>(JSON.parse(process.env.LINKS ?? '{}')))
const connect = Reflect.get(Socket.prototype, 'connect')

Socket.prototype.connect = function connectByLinks(this: Socket, ...args: unknown[]): Socket {
  return Reflect.apply(connect, this, redirected(args))
}

function redirected([first, ...others]: unknown[]): unknown[] {
  if (typeof first === 'number') return [links.get(String(first)) ?? first, ...others]
  if (Array.isArray(first)) {
    // `net.connect` has read its arguments already, and hands them over in an array of its own.
    first[0] = withLink(first[0])
    return [first, ...others]
  }
  return [withLink(first), ...others]
}

function withLink(options: unknown): unknown {
  if (typeof options !== 'object' || options === null) return options
  const port = links.get(String(Reflect.get(options, 'port')))
  return port === undefined ? options : { ...options, port }
}
