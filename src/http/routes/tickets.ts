import type { FastifyPluginAsync } from 'fastify'
import type { z } from 'zod'
import type { TicketService, TicketWish } from '../../core/access/ticket-service.ts'
import type { ArchiveService } from '../../core/archives/archive-service.ts'
import type { ArchiveWish } from '../../core/archives/list-files.ts'
import { archiveWishOf } from '../archives/routes.ts'
import { invalid, parseWire } from '../bodies/validation.ts'
import { clientSignal } from '../connections/client-signal.ts'
import { requireToken } from '../guards/presented-credentials.ts'
import { createTokenRate } from '../guards/token-rate.ts'
import type { PublicAddress } from '../public-address.ts'
import { IssueFields, issueTicket, RevokeFields, revokeTickets } from '../schemas/tickets.ts'

export interface TicketRoutesOptions {
  tickets: TicketService
  archives: Pick<ArchiveService, 'keepList'>
  address: PublicAddress
}

/** Of one token. A page that shows a folder needs one ticket for each file. */
const MAX_PER_MINUTE = 600
/** A list of 5,000 files takes a tenth of a second of the process. */
const MAX_ARCHIVES_PER_MINUTE = 60

/** Links that may be shared: for one message, one upload or one archive, until they expire or are revoked. */
export const ticketRoutes: FastifyPluginAsync<TicketRoutesOptions> = async (app, options) => {
  const { tickets, archives, address } = options
  const countCall = createTokenRate(app, { maxPerMinute: MAX_PER_MINUTE, what: 'links' })
  const countList = createTokenRate(app, {
    maxPerMinute: MAX_ARCHIVES_PER_MINUTE,
    what: 'links to archives',
  })

  const issuing = { token: 'json', uploadId: 'json', messageId: 'json' } as const
  app.post(
    '/tickets',
    { schema: issueTicket, config: { presents: issuing } },
    async (request, reply) => {
      const fields = parseWire(IssueFields, request.body)
      const named = namedBy(fields)
      const login = requireToken(request)
      await countCall(request)
      if ('archive' in named) await countList(request)
      const lifetimeMs = fields.expiresIn * 1000
      const signal = clientSignal(reply)
      const wish: TicketWish =
        'archive' in named
          ? {
              kind: 'archive',
              listId: await archives.keepList(login, named.archive, { lifetimeMs, signal }),
            }
          : named
      const { ticket, expiresAt } = await tickets.issue(wish, lifetimeMs, login)
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

/** The one thing that the caller names. */
function namedBy({
  messageId,
  fileId,
  uploadId,
  items,
  folder,
}: z.infer<typeof IssueFields>): TicketWish | { archive: ArchiveWish } {
  const archive = archiveWishOf({ items, folder })
  const named = [messageId, uploadId, archive ?? undefined].filter((each) => each !== undefined)
  if (named.length !== 1)
    throw invalid('messageId', 'either it, uploadId, items or folder is needed')
  if (archive !== null) return { archive }
  if (uploadId !== undefined) return { kind: 'upload', uploadId }
  return { kind: 'message', messageId: Number(messageId), ...(fileId !== undefined && { fileId }) }
}

/** Returns the link as a path of this worker. */
function linkOf(
  wish: TicketWish,
  ticket: string,
  { fileName, disposition }: z.infer<typeof IssueFields>,
): string {
  if (wish.kind === 'upload') return `/upload-progress/${wish.uploadId}?token=${ticket}`
  if (wish.kind === 'archive') {
    const named = new URLSearchParams({
      token: ticket,
      ...(fileName !== undefined && { fileName }),
    })
    return `/archive?${named}`
  }
  const query = new URLSearchParams({ messageId: String(wish.messageId), token: ticket })
  if (fileName !== undefined) query.set('fileName', fileName)
  if (disposition !== undefined) query.set('disposition', disposition)
  return `/download?${query}`
}
