"""The first tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table('api_key',
    sa.Column('id', sa.String(length=16), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.Column('scopes', sa.JSON(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('at', sa.String(length=27), nullable=False),
    sa.Column('used', sa.String(length=27), nullable=True),
    sa.Column('revoked', sa.String(length=27), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_key'))
    )
    op.create_table('batch',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('model', sa.String(length=100), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('at', sa.String(length=27), nullable=False),
    sa.Column('rows', sa.Integer(), nullable=False),
    sa.Column('alarms', sa.Integer(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('seconds', sa.Float(), nullable=False),
    sa.Column('quality', sa.JSON(), nullable=False),
    sa.Column('sketch', sa.JSON(), nullable=False),
    sa.Column('trace', sa.String(length=64), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_batch'))
    )
    with op.batch_alter_table('batch', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_batch_model_at'), ['model', 'at'], unique=False)

    op.create_table('incident',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('model', sa.String(length=100), nullable=False),
    sa.Column('rule', sa.String(length=40), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('severity', sa.String(length=8), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('owner', sa.Text(), nullable=False),
    sa.Column('opened', sa.String(length=27), nullable=False),
    sa.Column('changed', sa.String(length=27), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_incident'))
    )
    with op.batch_alter_table('incident', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_incident_model_key'), ['model', 'key'], unique=False)
        batch_op.create_index(batch_op.f('ix_incident_state_opened'), ['state', 'opened'], unique=False)

    op.create_table('job',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('model', sa.String(length=100), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('settings', sa.JSON(), nullable=False),
    sa.Column('progress', sa.Float(), nullable=False),
    sa.Column('message', sa.Text(), nullable=False),
    sa.Column('result', sa.JSON(), nullable=True),
    sa.Column('error', sa.JSON(), nullable=True),
    sa.Column('cancel', sa.Boolean(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('beat', sa.String(length=27), nullable=True),
    sa.Column('started', sa.String(length=27), nullable=True),
    sa.Column('ended', sa.String(length=27), nullable=True),
    sa.Column('at', sa.String(length=27), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_job'))
    )
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_job_model_at'), ['model', 'at'], unique=False)
        batch_op.create_index(batch_op.f('ix_job_state_at'), ['state', 'at'], unique=False)

    op.create_table('model',
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('settings', sa.JSON(), nullable=False),
    sa.Column('at', sa.String(length=27), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_model'))
    )
    op.create_table('move',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('model', sa.String(length=100), nullable=False),
    sa.Column('alias', sa.String(length=50), nullable=False),
    sa.Column('source', sa.Integer(), nullable=True),
    sa.Column('target', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=12), nullable=False),
    sa.Column('at', sa.String(length=27), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_move'))
    )
    with op.batch_alter_table('move', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_move_model_id'), ['model', 'id'], unique=False)

    op.create_table('mute',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('model', sa.String(length=100), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('until', sa.String(length=27), nullable=False),
    sa.Column('at', sa.String(length=27), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mute'))
    )
    with op.batch_alter_table('mute', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mute_model_until'), ['model', 'until'], unique=False)

    op.create_table('session',
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.Column('csrf', sa.String(length=64), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('at', sa.String(length=27), nullable=False),
    sa.Column('until', sa.String(length=27), nullable=False),
    sa.PrimaryKeyConstraint('hash', name=op.f('pk_session'))
    )
    op.create_table('setting',
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('value', sa.JSON(), nullable=False),
    sa.Column('at', sa.String(length=27), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_setting'))
    )
    op.create_table('signal',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('model', sa.String(length=100), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('at', sa.String(length=27), nullable=False),
    sa.Column('what', sa.String(length=40), nullable=False),
    sa.Column('column', sa.Text(), nullable=False),
    sa.Column('value', sa.Float(), nullable=False),
    sa.Column('p_value', sa.Float(), nullable=True),
    sa.Column('fired', sa.Boolean(), nullable=False),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_signal'))
    )
    with op.batch_alter_table('signal', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_signal_model_at'), ['model', 'at'], unique=False)

    op.create_table('upload',
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('ending', sa.String(length=12), nullable=False),
    sa.Column('bytes', sa.BigInteger(), nullable=False),
    sa.Column('seen', sa.JSON(), nullable=False),
    sa.Column('at', sa.String(length=27), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_upload'))
    )
    op.create_table('detection',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=80), nullable=False),
    sa.Column('batch', sa.String(length=32), nullable=False),
    sa.Column('model', sa.String(length=100), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('at', sa.String(length=27), nullable=False),
    sa.Column('row', sa.Integer(), nullable=False),
    sa.Column('row_id', sa.Text(), nullable=False),
    sa.Column('time', sa.Text(), nullable=True),
    sa.Column('score', sa.Float(), nullable=False),
    sa.Column('p_value', sa.Float(), nullable=False),
    sa.Column('is_anomaly', sa.Boolean(), nullable=False),
    sa.Column('event', sa.String(length=80), nullable=True),
    sa.Column('cells', sa.JSON(), nullable=False),
    sa.Column('reason', sa.JSON(), nullable=True),
    sa.ForeignKeyConstraint(['batch'], ['batch.id'], name=op.f('fk_detection_batch_batch')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_detection')),
    sa.UniqueConstraint('key', name=op.f('uq_detection_key'))
    )
    with op.batch_alter_table('detection', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_detection_batch'), ['batch'], unique=False)
        batch_op.create_index(batch_op.f('ix_detection_model_at'), ['model', 'at'], unique=False)

    op.create_table('incident_entry',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('incident', sa.Integer(), nullable=False),
    sa.Column('at', sa.String(length=27), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('what', sa.String(length=40), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['incident'], ['incident.id'], name=op.f('fk_incident_entry_incident_incident')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_incident_entry'))
    )
    with op.batch_alter_table('incident_entry', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_incident_entry_incident_id'), ['incident', 'id'], unique=False)

    op.create_table('notice',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=120), nullable=False),
    sa.Column('incident', sa.Integer(), nullable=False),
    sa.Column('url', sa.Text(), nullable=False),
    sa.Column('body', sa.JSON(), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('due', sa.String(length=27), nullable=False),
    sa.Column('error', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['incident'], ['incident.id'], name=op.f('fk_notice_incident_incident')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice')),
    sa.UniqueConstraint('key', name=op.f('uq_notice_key'))
    )
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_notice_state_due'), ['state', 'due'], unique=False)

    op.create_table('version',
    sa.Column('model', sa.String(length=100), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('bytes', sa.BigInteger(), nullable=False),
    sa.Column('facts', sa.JSON(), nullable=False),
    sa.Column('data', sa.String(length=64), nullable=True),
    sa.Column('signer', sa.String(length=64), nullable=True),
    sa.Column('at', sa.String(length=27), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['model'], ['model.name'], name=op.f('fk_version_model_model')),
    sa.PrimaryKeyConstraint('model', 'number', name=op.f('pk_version'))
    )
    op.create_table('alias',
    sa.Column('model', sa.String(length=100), nullable=False),
    sa.Column('name', sa.String(length=50), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('previous', sa.Integer(), nullable=True),
    sa.Column('at', sa.String(length=27), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['model', 'number'], ['version.model', 'version.number'], name=op.f('fk_alias_model_version')),
    sa.ForeignKeyConstraint(['model', 'previous'], ['version.model', 'version.number'], name='fk_alias_previous_version'),
    sa.PrimaryKeyConstraint('model', 'name', name=op.f('pk_alias'))
    )
    op.create_table('label',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('model', sa.String(length=100), nullable=False),
    sa.Column('detection', sa.Integer(), nullable=True),
    sa.Column('is_anomaly', sa.Boolean(), nullable=False),
    sa.Column('cells', sa.JSON(), nullable=False),
    sa.Column('time', sa.Text(), nullable=True),
    sa.Column('at', sa.String(length=27), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['detection'], ['detection.id'], name=op.f('fk_label_detection_detection')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_label'))
    )
    with op.batch_alter_table('label', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_label_model_id'), ['model', 'id'], unique=False)



def downgrade() -> None:
    """Back."""
    with op.batch_alter_table('label', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_label_model_id'))

    op.drop_table('label')
    op.drop_table('alias')
    op.drop_table('version')
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_notice_state_due'))

    op.drop_table('notice')
    with op.batch_alter_table('incident_entry', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_incident_entry_incident_id'))

    op.drop_table('incident_entry')
    with op.batch_alter_table('detection', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_detection_model_at'))
        batch_op.drop_index(batch_op.f('ix_detection_batch'))

    op.drop_table('detection')
    op.drop_table('upload')
    with op.batch_alter_table('signal', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_signal_model_at'))

    op.drop_table('signal')
    op.drop_table('setting')
    op.drop_table('session')
    with op.batch_alter_table('mute', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_mute_model_until'))

    op.drop_table('mute')
    with op.batch_alter_table('move', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_move_model_id'))

    op.drop_table('move')
    op.drop_table('model')
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_job_state_at'))
        batch_op.drop_index(batch_op.f('ix_job_model_at'))

    op.drop_table('job')
    with op.batch_alter_table('incident', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_incident_state_opened'))
        batch_op.drop_index(batch_op.f('ix_incident_model_key'))

    op.drop_table('incident')
    with op.batch_alter_table('batch', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_batch_model_at'))

    op.drop_table('batch')
    op.drop_table('api_key')
