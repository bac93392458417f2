import { useEffect, useRef, useState } from 'preact/hooks'
import { announce } from '../announcer.tsx'
import type { Session } from '../state/session.ts'
import { useStore } from '../state/store.ts'
import { checkToken, type WorkerTerms } from '../worker.ts'
import { Icon } from './icon.tsx'

export interface SignInProps {
  session: Session
  terms: WorkerTerms
}

/** Asks for the token once. */
export function SignIn({ session, terms }: SignInProps) {
  const refusal = useStore(session.refusal)
  const [text, setText] = useState('')
  const [keep, setKeep] = useState(false)
  const [shown, setShown] = useState(false)
  const [fault, setFault] = useState<string | null>(refusal)
  const [busy, setBusy] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.focus(), [])

  function refuse(sentence: string): void {
    setFault(sentence)
    announce(sentence)
    field.current?.focus()
  }

  async function submit(): Promise<void> {
    const token = text.trim()
    if (token === '') return refuse('Enter a token first')
    setBusy(true)
    try {
      await checkToken(token)
      session.signIn(token, keep)
    } catch (error) {
      refuse(error instanceof Error ? error.message : String(error))
    } finally {
      setBusy(false)
    }
  }

  return (
    <section class="card sign-in" aria-labelledby="sign-in-title">
      <h2 id="sign-in-title">{refusal ? 'Sign in again' : 'Sign in'}</h2>
      <p id="token-words" class="dim">
        <TokenWords beginning={terms.tokensBeginWith} />
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void submit()
        }}
      >
        {/* Password managers keep a token under a name. */}
        <input type="text" autocomplete="username" value="TeleStore" readOnly hidden />
        <label class="label" for="token">
          Token
        </label>
        <div class="with-button">
          <input
            ref={field}
            id="token"
            class="field"
            type={shown ? 'text' : 'password'}
            value={text}
            autocomplete="current-password"
            autocapitalize="off"
            spellcheck={false}
            aria-describedby={fault ? 'token-fault token-words' : 'token-words'}
            aria-invalid={fault !== null}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
          <button
            type="button"
            class="button plain"
            aria-pressed={shown}
            aria-label="Show the token"
            onClick={() => setShown(!shown)}
          >
            <Icon name="eye" />
            <span class="button-words">Show</span>
          </button>
        </div>
        {fault && (
          <p id="token-fault" class="fault">
            <Icon name="warning" />
            {fault}
          </p>
        )}
        <label class="check">
          <input
            type="checkbox"
            checked={keep}
            onChange={({ currentTarget }) => setKeep(currentTarget.checked)}
          />
          <span>
            Keep on this device
            <span class="dim"> — otherwise until the last tab of this page is closed</span>
          </span>
        </label>
        <button type="submit" class="button main" disabled={busy}>
          <Icon name="key" />
          <span class="button-words">{busy ? 'Signing in…' : 'Sign in'}</span>
        </button>
      </form>
    </section>
  )
}

function TokenWords({ beginning }: { beginning: string | null }) {
  if (beginning === null) {
    return (
      <>
        The token says whose Telegram channel the files go to. It is the one your TeleStore login or
        the operator of this worker has given you.
      </>
    )
  }
  return (
    <>
      This worker runs a Telegram of its own, to try things out. Any token that begins with{' '}
      <code>{beginning}</code> works, and each has a channel of its own.
    </>
  )
}
