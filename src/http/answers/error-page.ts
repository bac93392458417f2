import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { durationOf } from '../../core/model/flood-wait.ts'
import type { AppError, ErrorCode } from '../../errors.ts'
import { secondsToWait } from '../../lib/retry-after.ts'
import { presentsOf } from '../guards/presented-credentials.ts'
import { prefers } from './accept.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** People open its address in a browser, and read its refusals as a page. */
    isLink?: boolean
  }
}

/**
 * Whether a request opens a link that people send each other: the address of a file, or another
 * address with a token in it. Only its refusals may be a page; programs read JSON everywhere else.
 */
export function opensLink(request: FastifyRequest): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false
  if (request.routeOptions.config?.isLink) return true
  const presents = presentsOf(request)
  if (presents?.token !== 'query') return false
  return presents.messageId === 'query' || Reflect.has(Object(request.query), 'token')
}

/** Whether a person opens the link: browsers ask for a page, programs for anything or for JSON. */
export function wantsPage({ headers }: FastifyRequest): boolean {
  return prefers(headers.accept, 'text/html', { to: 'application/json', evenIfEqual: false })
}

const STYLE = `
:root {
  color-scheme: light dark;
  font: 100%/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
body {
  margin: 0;
  min-height: 100vh;
  display: grid;
  place-items: center;
  background: light-dark(#f5f6f8, #12161b);
  color: light-dark(#17202a, #e8edf2);
}
main {
  box-sizing: border-box;
  width: min(30rem, 100% - 2rem);
  margin: 1rem;
  padding: 1.75rem;
  border: 1px solid light-dark(#dfe4e9, #2c3641);
  border-radius: 14px;
  background: light-dark(#fff, #1a2027);
  overflow-wrap: anywhere;
}
h1 { margin: 0 0 .75rem; font-size: 1.25rem; font-weight: 650; }
p { margin: .5rem 0 0; }
.dim { color: light-dark(#55626f, #a3b0bd); }
a { color: light-dark(#1864ab, #74b7f5); }
`

/** A browser may load nothing for the page but its own style. */
export const ERROR_PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join(';')

/** For people, instead of messages that name a field for programs. */
const SENTENCES: Partial<Record<ErrorCode, string>> = {
  INVALID_REQUEST: 'The address is not whole, or something in it is wrong',
  MESSAGE_NOT_FOUND: 'The file behind it does not exist, or was deleted',
  SHARE_NOT_FOUND: 'The address is not whole, or something in it is wrong',
  SHARE_PASSWORD_NEEDED: 'Open the share itself first: it asks for its password',
  TOKEN_MISSING: 'The address is not whole: what opens the file is missing at its end',
}

/** Returns the refusal as a page. It repeats nothing of the request: no token, no address. */
export function errorPage({ code, message, status, retryable, retryAfter }: AppError): string {
  const mayPass = retryable || status >= 500
  const heading = mayPass ? 'This cannot be opened right now' : 'This link does not work'
  const sentence = SENTENCES[code] ?? message
  const advice = mayPass
    ? `<a href="">Try again</a>${retryable ? ` in ${durationOf(secondsToWait(retryAfter))}` : ''}.`
    : 'Ask the person who sent it for a new one.'
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${heading}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${heading}</h1>
<p>${escaped(sentence)}.</p>
<p class="dim">${advice}</p>
</main>
</body>
</html>
`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
