import type { FastifyPluginAsync } from 'fastify'
import type { z } from 'zod'
import type { TicketService, TicketWish } from '../../core/access/ticket-service.ts'
import { AppError } from '../../errors.ts'
import { parseWire } from '../bodies/validation.ts'
import { requireToken } from '../guards/presented-credentials.ts'
import { createTokenRate } from '../guards/token-rate.ts'
import type { PublicAddress } from '../public-address.ts'
import { IssueFields, issueTicket, RevokeFields, revokeTickets } from '../schemas/tickets.ts'

export interface TicketRoutesOptions {
  tickets: TicketService
  address: PublicAddress
}

/** Of one token. A page that shows a folder needs one ticket for each file. */
const MAX_PER_MINUTE = 600

/** Links that may be shared: for one message or one upload, until they expire or are revoked. */
export const ticketRoutes: FastifyPluginAsync<TicketRoutesOptions> = async (app, options) => {
  const { tickets, address } = options
  const countCall = createTokenRate(app, { maxPerMinute: MAX_PER_MINUTE, what: 'links' })

  const issuing = { token: 'json', uploadId: 'json', messageId: 'json' } as const
  app.post(
    '/tickets',
    { schema: issueTicket, config: { presents: issuing } },
    async (request, reply) => {
      const fields = parseWire(IssueFields, request.body)
      const wish = wishOf(fields)
      const login = requireToken(request)
      await countCall(request)
      const { ticket, expiresAt } = await tickets.issue(wish, fields.expiresIn * 1000, login)
      reply.header('cache-control', 'no-store')
      const url = linkOf(wish, ticket, fields)
      const root = address.rootOf(request)
      return {
        success: true,
        ticket,
        url,
        link: root === null ? null : root + url,
        expiresAt: new Date(expiresAt).toISOString(),
      }
    },
  )

  const revoking = { schema: revokeTickets, config: { presents: { token: 'json' } } } as const
  app.delete('/tickets', revoking, async (request) => {
    parseWire(RevokeFields, request.body)
    await tickets.revoke(requireToken(request))
    return { success: true, message: 'All links are revoked' }
  })
}

function wishOf({ messageId, fileId, uploadId }: z.infer<typeof IssueFields>): TicketWish {
  if (messageId !== undefined && uploadId === undefined) {
    return { kind: 'message', messageId, ...(fileId !== undefined && { fileId }) }
  }
  if (uploadId !== undefined && messageId === undefined) return { kind: 'upload', uploadId }
  throw new AppError('INVALID_REQUEST', 'messageId: either it or uploadId is needed', {
    details: { field: 'messageId' },
  })
}

/** Returns the link as a path of this worker. */
function linkOf(
  wish: TicketWish,
  ticket: string,
  { fileName, disposition }: z.infer<typeof IssueFields>,
): string {
  if (wish.kind === 'upload') return `/upload-progress/${wish.uploadId}?token=${ticket}`
  const query = new URLSearchParams({ messageId: String(wish.messageId), token: ticket })
  if (fileName !== undefined) query.set('fileName', fileName)
  if (disposition !== undefined) query.set('disposition', disposition)
  return `/download?${query}`
}
