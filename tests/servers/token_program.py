"""The token server's program, run in `.venv-servers`: Authlib's OAuth 2 server with the grants password and refresh_token.

It takes one account, and forgets it all when it ends. ``/state`` tells and sets what tests need: lifetimes, a password,
what the next answers are, and which tokens hold. Call: ``python token_program.py PORT``.
"""

from __future__ import annotations

import os
import sys
import time

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # TLS ends before this program

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749.errors import InvalidGrantError
from authlib.oauth2.rfc6749.grants import RefreshTokenGrant, ResourceOwnerPasswordCredentialsGrant
from flask import Flask, jsonify, request

app = Flask(__name__)
app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
STATE = {"name": "", "password": "", "lifetime_s": 600.0, "refresh_lifetime_s": 3600.0, "next": [], "reason": ""}
TOKENS: list[dict] = []
ASKED: list[str] = []


class Client:
    client_id = "cdse-public"

    def check_grant_type(self, grant_type):
        return True

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "none"

    def get_allowed_scope(self, scope):
        return scope or ""

    def check_response_type(self, response_type):
        return False


def save_token(token, request):
    now = time.time()
    lifetimes = {"expires": now + STATE["lifetime_s"], "refresh_expires": now + STATE["refresh_lifetime_s"]}
    token["expires_in"], token["refresh_expires_in"] = STATE["lifetime_s"], STATE["refresh_lifetime_s"]
    TOKENS.append({**token, **lifetimes, "revoked": False})


server = AuthorizationServer(
    app, query_client=lambda name: Client() if name == Client.client_id else None, save_token=save_token
)


@server.register_grant
class Password(ResourceOwnerPasswordCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]

    def authenticate_user(self, username, password):
        if STATE["reason"]:
            raise InvalidGrantError(STATE["reason"])
        if (username, password) != (STATE["name"], STATE["password"]):
            raise InvalidGrantError("Invalid user credentials")
        return username


class Credential(dict):
    def check_client(self, client):
        return True

    def get_scope(self):
        return ""


@server.register_grant
class Refresh(RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        now = time.time()
        for token in TOKENS:
            if token["refresh_token"] == refresh_token and now < token["refresh_expires"] and not token["revoked"]:
                return Credential(token)
        return None

    def authenticate_user(self, credential):
        return STATE["name"]

    def revoke_old_credential(self, credential):
        for token in TOKENS:
            if token["refresh_token"] == credential["refresh_token"]:
                token["revoked"] = True


@app.post("/realms/test/token")
@app.post("/auth/realms/CDSE/protocol/openid-connect/token")
def give_token():
    ASKED.append(request.form.get("grant_type", ""))
    if STATE["next"]:
        status, headers = STATE["next"].pop(0)
        return "", status, headers
    return server.create_token_response()


@app.post("/state")
def change():
    STATE.update(request.get_json())
    for key, listed in (("forget", ASKED), ("forget", TOKENS)):
        if request.args.get(key):
            listed.clear()
    return jsonify(asked=ASKED, tokens=TOKENS)


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(sys.argv[1]), threaded=True)
