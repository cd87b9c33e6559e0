"""Every page there is: its path and its view.  Who may see it stands at the view."""

from django.urls import path

from chappe.frontend import static
from chappe.frontend.gate import shown_to_anyone
from chappe.frontend.pages import configure, door, faults, held, messages, now, people, receipts, trial

urlpatterns = [
    path("", now.page, name="now"),
    path("now/live", now.live, name="now_live"),
    path("welcome", now.welcome, name="welcome"),
    path("demo", now.demo, name="demo"),
    path("drain", now.drain, name="drain"),
    path("messages", messages.page, name="messages"),
    path("messages/<int:number>", messages.one, name="message"),
    path("messages/<int:number>/cancel", held.cancel, name="cancel"),
    path("messages/<int:number>/resend", held.resend, name="resend"),
    path("receipts", receipts.page, name="receipts"),
    path("receipts/fix", receipts.fix, name="receipts_fix"),
    path("receipts/replay", receipts.replay, name="receipts_replay"),
    path("held", held.page, name="held"),
    path("held/decide", held.decide, name="decide"),
    path("held/replay", held.replay, name="replay"),
    path("held/enable", held.enable, name="enable"),
    path("held/drop", held.drop, name="drop"),
    path("configure", configure.page, name="configure"),
    path("configure/operators/add", configure.operator_add, name="operator_add"),
    path("configure/operators/of/<str:name>", configure.operator, name="operator"),
    path("configure/clients/add", configure.client_add, name="client_add"),
    path("configure/clients/of/<str:name>", configure.client, name="client"),
    path("configure/act", configure.act, name="act"),
    path("configure/apply", configure.apply, name="apply"),
    path("configure/routes", configure.routes, name="routes"),
    path("configure/numbers", configure.numbers, name="numbers"),
    path("configure/lists/<str:name>", configure.section, name="section"),
    path("configure/profiles", configure.profiles, name="profiles"),
    path("configure/versions", configure.versions, name="versions"),
    path("configure/versions/<int:number>", configure.version, name="version"),
    path("configure/changes", configure.changes, name="changes"),
    path("configure/changes/<int:number>", configure.answer, name="answer"),
    path("configure/explain", configure.explain, name="explain"),
    path("trial", trial.page, name="trial"),
    path("trial/preview", trial.preview, name="trial_preview"),
    path("people", people.page, name="people"),
    path("people/add", people.add, name="person_add"),
    path("people/<int:number>", people.one, name="person"),
    path("people/<int:number>/reset", people.reset, name="person_reset"),
    path("audit", people.audit, name="audit"),
    path("me", people.me, name="me"),
    path("me/password", door.password, name="password"),
    path("me/authenticator", people.enrol, name="enrol"),
    path("me/codes", people.codes_anew, name="codes_anew"),
    path("sessions/<int:number>/end", people.end_session, name="end_session"),
    path("first", door.first_person, name="first"),
    path("sign-in", door.sign_in, name="sign_in"),
    path("sign-in/code", door.code, name="code"),
    path("sign-out", door.sign_out, name="sign_out"),
    path("static/<str:path>", shown_to_anyone(static.serve), name="static"),
]

handler403 = faults.refused
handler404 = faults.missing
handler500 = faults.broken
