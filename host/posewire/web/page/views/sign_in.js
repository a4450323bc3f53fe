/** Sign in with a token of the host. */

import { html } from "/vendor/htm-preact.js";
import { ask, useOutcome } from "../api.js";
import { Command, Field, Form, Outcome } from "../parts.js";
import { t } from "../text.js";

/**
 * @param {{onSession: (session: Host.Session) => void, problem: string, command: Host.Command}} props `problem`: why a link
 *   has not let anybody in
 */
export function SignIn({ onSession, problem, command: { start, config } }) {
  const [outcome, run] = useOutcome();
  const signIn = (/** @type {Page.Values} */ { token }) =>
    run(async () => {
      try {
        onSession(await ask("/api/session", { body: { token } }));
      } catch (error) {
        if (error.code === "too_many") throw new Error(t("Too many wrong tokens: wait a minute, then try again."));
        throw error;
      }
    });
  const issue = `${start} tokens issue NAME`;
  return html`<section class="card">
    <h1>${t("Sign in")}</h1>
    ${problem && html`<p class="note bad" role="alert">${problem}</p>`}
    <p>${t("This host asks who you are. Enter a token: the shared one, or one that was made for you.")}</p>
    <${Form} label=${t("Sign in")} button=${t("Sign in")} onSubmit=${signIn}>
      <${Field} label=${t("Token")} grow><input name="token" type="password" autocomplete="current-password" required /><//>
    <//>
    <${Outcome} outcome=${outcome} />
    ${config && html`<p class="faint">${t("On the host's machine, posewire init has written the shared one into posewire.token, beside the configuration.")}</p>`}
    <p class="faint">${t("On the host's machine, this makes a token for looking, and one for everything:")}</p>
    <${Command} text=${`${issue} --scope operator.read --scope room.join${config}`} />
    <${Command} text=${`${issue} --scope "*"${config}`} />
    ${config.endsWith(" FILE") && html`<p class="faint">${t("FILE is the configuration with which the host was started.")}</p>`}
  </section>`;
}
