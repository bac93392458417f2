import { z } from 'zod'
import { TokenQuery } from '../bodies/validation.ts'
import { operation } from './openapi/operation.ts'
import { OF_TOKENS } from './openapi/refusals.ts'
import { Progress } from './progress.ts'

export const SocketParams = z.object({
  userId: z
    .string()
    .min(1)
    .max(200)
    .meta({
      description: "The token's user, as the backend names them, or `me`.",
      examples: ['me'],
    }),
})

const timestamp = z.string().meta({
  format: 'date-time',
  description: 'When the message was sent.',
  examples: ['2025-11-04T10:00:00.000Z'],
})
const type = (name: string) =>
  z.literal(name).meta({ description: 'Kind of the message.', examples: [name] })

export const Ping = z
  .object({ type: type('ping') })
  .meta({ id: 'SocketPing', description: 'Asks the worker for a pong.' })

z.object({ type: type('pong'), timestamp }).meta({
  id: 'SocketPong',
  description: 'The answer to a ping.',
})

z.object({ type: type('upload_progress'), ...Progress.shape, timestamp }).meta({
  id: 'SocketProgress',
  description:
    'Progress of one upload, or of one job of the library: at first of each, then at every change.',
})

z.object({
  type: type('upload_progress'),
  uploadId: Progress.shape.uploadId,
  status: type('cancelled'),
  timestamp,
}).meta({ id: 'SocketCancelled', description: 'An upload was cancelled.' })

z.object({ type: type('library_changed'), timestamp }).meta({
  id: 'SocketLibraryChanged',
  description: 'Something in the library is other than before: ask for it again.',
})

export const watchUploads = operation({
  id: 'watchUploads',
  tag: 'Progress',
  summary: 'Pushes the progress of all uploads of a user, and changes of the library',
  description:
    'A WebSocket (RFC 6455, version 13) whose messages are JSON; `x-messages` names their schemas. ' +
    'Each upload has at most one message in 250 ms, the library one in a second, and a slow subscriber gets only the newest ' +
    'state. The worker drops a socket that does not answer its pings for 30 seconds, and closes ' +
    'one that sends more than 100 frames in ten seconds with 1008.',
  auth: 'link',
  params: SocketParams,
  query: TokenQuery,
  answers: { 101: { description: 'The socket is open.' } },
  refusals: [...OF_TOKENS, 'TOKEN_MISSING', 'FORBIDDEN', 'NOT_FOUND', 'BUSY'],
  messages: {
    worker: ['SocketProgress', 'SocketCancelled', 'SocketLibraryChanged', 'SocketPong'],
    client: ['SocketPing'],
  },
})
